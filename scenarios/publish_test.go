package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
)

// What cannot be sent makes its scenario unknown, with the reason;
// its neighbour is judged.
func TestPublishThatFails(t *testing.T) {
	for _, c := range []struct {
		name string
		send string
		want error
		make func(*rig)
	}{
		{"unroutable", `{ to: c, body: { id: "${id}" } }`, brokers.ErrUnroutable, nil},
		{"too large", `{ to: a, body: { id: "${id}", pad: "` + strings.Repeat("x", 2000) + `" } }`, brokers.ErrTooLarge, nil},
		{"absent", `{ to: a, body: { id: "${id}" } }`, brokers.ErrAbsent, refuse(brokers.ErrAbsent)},
		{"unreachable", `{ to: a, body: { id: "${id}" } }`, brokers.ErrUnreachable, refuse(brokers.ErrUnreachable)},
		{"no answer", `{ to: a, body: { id: "${id}" } }`, context.DeadlineExceeded, hang},
		{"the second of two", `[ { to: b, body: { id: "${id}" } }, { to: a, body: { id: "${id}" } } ]`, brokers.ErrRefused, refuse(brokers.ErrRefused)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := strings.Replace(chain, "work.#", "nobody", 1)
				r := newRig(t, strings.Replace(text, "scenarios:\n", "scenarios:\n  - { name: failing, send: "+c.send+" }\n", 1), memory.Options{MaxMessage: 1000})
				r.cfg.Channels[2].RoutingKeys = []string{"nobody", "work.#"} // publishes with the first
				if c.make != nil {
					c.make(r)
				}
				result, stats := r.runWith(honest)
				if got := states(result); got != "failing: unknown, through: pass" {
					t.Errorf("scenarios %s: %+v", got, result.Unknowns)
				}
				if len(result.Unknowns) != 1 || len(result.Warnings) != 0 {
					t.Fatalf("unknowns %v, warnings %q", result.Unknowns, result.Warnings)
				}
				reason := result.Unknowns[0].Reason
				if !strings.HasPrefix(reason, `the trigger of scenario "failing" failed: send to `) || !strings.Contains(reason, c.want.Error()) {
					t.Errorf("%q does not tell %q", reason, c.want)
				}
				if stats.Total > time.Minute {
					t.Errorf("it took %v", stats.Total)
				}
			})
		})
	}
}

// refuse fails what the first scenario sends to a.
func refuse(err error) func(*rig) {
	return func(r *rig) {
		r.cfg.Publishers[0] = choosy{r.cfg.Publishers[0], func(context.Context) error { return fmt.Errorf("produce: %w", err) }}
	}
}

// hang does not answer to what the first scenario sends.
func hang(r *rig) {
	r.cfg.Publishers[0] = choosy{r.cfg.Publishers[0], func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
}

// choosy is a publisher that fails the messages of the first scenario to a.
type choosy struct {
	brokers.Publisher
	fail func(context.Context) error
}

func (p choosy) Publish(ctx context.Context, ch brokers.Channel, m brokers.Outgoing) (brokers.Receipt, error) {
	if ch.Name == "a" && strings.Contains(string(m.Payload), "id-001") {
		return brokers.Receipt{}, p.fail(ctx)
	}
	return p.Publisher.Publish(ctx, ch, m)
}
