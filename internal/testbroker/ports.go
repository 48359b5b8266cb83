package testbroker

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// FreePort finds a port of 127.0.0.1 for what a test starts by itself.
func FreePort(t testing.TB) int {
	t.Helper()
	free, err := ports.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}

// FreeAddress is a FreePort as host:port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}

// Echo answers each connection with what it is sent, until the test ends, and
// returns its address: it stands for a broker that a proxy is before.
func Echo(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, listener, func(conn net.Conn) {
		_, _ = io.Copy(conn, conn)
		_ = conn.Close()
	})
}

// Serve hands each connection of the listener to a goroutine of its own, until the test
// ends, and returns the listener's address.
func Serve(t testing.TB, listener net.Listener, handle func(net.Conn)) string {
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	return listener.Addr().String()
}
