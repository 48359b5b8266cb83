package proxy_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// ask sends a byte and waits that long for the answer.
func ask(addr string, wait time.Duration) (time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	began := time.Now()
	if err := conn.SetDeadline(began.Add(wait)); err != nil {
		return 0, err
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return time.Since(began), err
}

func TestFaults(t *testing.T) {
	p, err := proxy.Start("127.0.0.1:0", testbroker.Echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Used() {
		t.Error("used before anybody came")
	}
	sound := func(when string) {
		t.Helper()
		if _, err := ask(p.Address(), time.Minute); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	open, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	sound("at first")
	if !p.Used() { // the first is still open
		t.Error("not used")
	}
	for _, f := range proxy.Faults() {
		if err := p.Disturb(f); err != nil {
			t.Fatal(err)
		}
		switch took, err := ask(p.Address(), 700*time.Millisecond+map[proxy.Fault]time.Duration{proxy.Delay: time.Minute}[f]); {
		case f == proxy.Delay && (err != nil || took < 500*time.Millisecond):
			t.Errorf("delayed: %v, %v", took, err)
		case f != proxy.Delay && err == nil:
			t.Errorf("%s lets through", f)
		}
		if err := p.Restore(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		sound("after " + string(f))
	}
}

func TestListensHereAlone(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:0", "127.0.0.1"} {
		if p, err := proxy.Start(addr, "127.0.0.1:1"); err == nil {
			p.Close()
			t.Errorf("%s is taken", addr)
		}
	}
}
