package testbroker

import "syscall"

// ownGroup puts a child into a process group of its own and has the kernel end it if this process dies without
// stopping it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
