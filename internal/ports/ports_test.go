package ports

import (
	"fmt"
	"net"
	"testing"
)

func TestFreePortsAreFreeAndDifferent(t *testing.T) {
	const n = 800 // enough that a few numbers are drawn twice
	ports, err := Free(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		seen[p] = true
	}
	if len(seen) != n {
		t.Errorf("%d different ports of %d", len(seen), n)
	}
}
