package testbroker

import (
	"os/user"
	"strconv"
	"syscall"
)

// asUser is ownGroup, for a child that runs as somebody else; nil is this user.
func asUser(u *user.User) *syscall.SysProcAttr {
	attr := ownGroup()
	if u == nil {
		return attr
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr == nil && gidErr == nil {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}
