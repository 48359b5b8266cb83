//go:build unix

package shadow

import (
	"os"
	"syscall"
)

// takeLock locks the file until it is closed.
func takeLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
