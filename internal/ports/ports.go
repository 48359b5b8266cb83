// Package ports finds ports of 127.0.0.1 for what is to listen there later.
package ports

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Free finds n different ports that nobody listens on. They are taken from below the
// range that systems hand out for outgoing connections, so that a listener that is
// down for a while finds its ports free again.
func Free(ctx context.Context, n int) ([]int, error) {
	const lowest, highest = 15000, 32000
	var ports []int
	for range 100 + 10*n {
		if len(ports) == n {
			return ports, nil
		}
		port := lowest + rand.IntN(highest-lowest)
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // open until all are found, so that none is found twice
		ports = append(ports, port)
	}
	return nil, errors.Join(ctx.Err(), fmt.Errorf("no %d free ports between %d and %d", n, lowest, highest))
}
