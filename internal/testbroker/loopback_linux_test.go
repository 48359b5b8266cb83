package testbroker

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// onlyLoopback fails the test when the process listens on anything but a loopback address, or on nothing at all.
func onlyLoopback(t *testing.T, pid int) {
	t.Helper()
	var loopback int
	sockets := openSockets(t, pid)
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(filepath.Join("/proc/net", table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // proc(5): sl, local address, remote address, state, …, the tenth the inode
			if len(f) < 10 || f[3] != "0A" || !slices.Contains(sockets, f[9]) {
				continue
			}
			if !isLoopback(f[1]) {
				t.Errorf("process %d listens on %s %s", pid, table, f[1])
				continue
			}
			loopback++
		}
	}
	if loopback == 0 {
		t.Errorf("process %d listens on nothing", pid)
	}
}

// isLoopback reads an address of /proc/net/tcp: 32-bit words in the host's (little-endian) order, a colon, the port.
func isLoopback(local string) bool {
	addr, err := hex.DecodeString(strings.Split(local, ":")[0])
	if err != nil {
		return false
	}
	const four, mapped, six = "0100007f", "0000000000000000ffff0000", "00000000000000000000000001000000"
	got := hex.EncodeToString(addr)
	return got == four || got == mapped+four || got == six
}

// openSockets are the inodes of the sockets that the process has open.
func openSockets(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var inodes []string
	for _, f := range files {
		target, err := os.Readlink(filepath.Join(dir, f.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}
