//go:build unix

package testbroker

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Alone waits until no other test, of any package, is alone with what on the broker
// at addr: names that can be there once only. The test has it until its end.
func Alone(t testing.TB, addr, what string) {
	t.Helper()
	what += "-" + strings.NewReplacer("/", "-", ":", "-").Replace(addr)
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "flowcheck-alone-"+what), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // which unlocks it
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}
