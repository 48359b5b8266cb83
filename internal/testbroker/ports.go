package testbroker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freePorts finds n different ports that nobody listens on. They are taken from below the range that systems hand
// out for outgoing connections, so that a broker that is down for a while finds its ports free again.
func freePorts(ctx context.Context, n int) ([]int, error) {
	const lowest, highest = 15000, 32000
	var ports []int
	for range 100 + 10*n {
		if len(ports) == n {
			return ports, nil
		}
		port := lowest + rand.IntN(highest-lowest)
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address(port))
		if err != nil {
			continue
		}
		defer l.Close() // open until all are found, so that none is found twice
		ports = append(ports, port)
	}
	return nil, errors.Join(ctx.Err(), fmt.Errorf("no %d free ports between %d and %d", n, lowest, highest))
}

// FreePort finds a port of 127.0.0.1 for what a test starts by itself.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := freePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}
