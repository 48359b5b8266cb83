package scenarios_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// reach asks once, with the patience of a library.
func reach(ctx context.Context, addr string) error {
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// TestCut has a system that reaches its broker through flowcheck's proxy: one that
// tries again, one that gives up, and one that never comes by. The clock is the
// real one.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		name  string
		again bool
		by    bool
		want  flows.State
		kinds string
	}{
		{"tries again", true, true, flows.Pass, ""},
		{"gives up", false, true, flows.Fail, "missing"},
		{"never comes by", true, false, flows.NotKnown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := testbroker.FreeAddress(t)
			text := strings.Replace(probed("[ cut ]"), `events: "memory://m"`,
				`events: { url: "memory://m", proxy: "`+at+`", proxy-to: "`+testbroker.Echo(t)+`" }`, 1)
			text = strings.Replace(text, "correlate:", "timeout: 1s\nsettle: 50ms\ncorrelate:", 1)
			text = strings.ReplaceAll(text, "within: 2s", "within: 1s")
			r := newRig(t, text, memory.Options{})
			r.cfg.Fault = 400 * time.Millisecond
			result, _ := r.runWith(func(from string, b body) []out {
				for c.by {
					if err := reach(t.Context(), at); err == nil {
						break
					} else if !c.again {
						return nil
					}
					if !rest(t.Context(), 20*time.Millisecond) {
						return nil
					}
				}
				return []out{{after: 50 * time.Millisecond, body: b}} // so that it can be disturbed
			})
			tell(t, result)
			if result.State != c.want || !strings.Contains(kinds(result), c.kinds) {
				t.Errorf("%s: %s", result.State, kinds(result))
			}
			if c.want == flows.NotKnown && !strings.Contains(unknowns(result), "does not connect through the proxy at "+at) {
				t.Error(unknowns(result))
			}
		})
	}
}
