package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// proxies are those of a flow's brokers that have one, by the broker's index.
type proxies map[int]*proxy.Proxy

// proxiesOf starts the proxies of the flow.
func proxiesOf(f *flows.Flow) (proxies, error) {
	all := proxies{}
	for i := range f.Brokers {
		b := &f.Brokers[i]
		if b.Proxy == "" {
			continue
		}
		p, err := proxy.Start(b.Proxy, b.Behind())
		if err != nil {
			all.close()
			return nil, fmt.Errorf("broker %s: %w", b.Name, err)
		}
		all[i] = p
	}
	return all, nil
}

func (all proxies) close() {
	for _, p := range all {
		p.Close()
	}
}

// unused says that the system does not come by a proxy.
func unused(p *proxy.Proxy) error {
	return fmt.Errorf("the system does not connect through the proxy at %s", p.Address())
}

// suffered says what happened to the system's connection to a broker.
func suffered(broker string, f proxy.Fault) string {
	return fmt.Sprintf("the system's connection to %s was %s", broker, map[proxy.Fault]string{
		proxy.Cut: "cut", proxy.Delay: "delayed by 300 ms", proxy.Stall: "stalled",
	}[f])
}

// disturbFor disturbs a connection for a while.
func disturbFor(ctx context.Context, p *proxy.Proxy, f proxy.Fault, lasts time.Duration) error {
	if err := p.Disturb(f); err != nil {
		return err
	}
	_ = pause.For(ctx, lasts)
	return errors.Join(p.Restore(context.WithoutCancel(ctx), f), ctx.Err())
}

// Cutter disturbs the connections between the system and the brokers of a flow that
// have a proxy: what the probe cut does in a run, in a drill.
type Cutter struct {
	flow    *flows.Flow
	proxies proxies
	lasts   time.Duration
}

// NewCutter starts the proxies of the flow, which disturb for so long at a time. That
// no broker has one is an error. The caller closes it.
func NewCutter(f *flows.Flow, lasts time.Duration) (*Cutter, error) {
	all, err := proxiesOf(f)
	if err != nil {
		return nil, err
	}
	return &Cutter{flow: f, proxies: all, lasts: lasts}, nil
}

// Close ends the proxies, and the system's connections through them.
func (c *Cutter) Close() { c.proxies.close() }

// Disturbances are each fault of each proxy, without a channel to begin them.
func (c *Cutter) Disturbances() []Disturbance {
	var all []Disturbance
	for _, fault := range proxy.Faults() {
		for i := range c.flow.Brokers {
			if p := c.proxies[i]; p != nil {
				all = append(all, Disturbance{What: suffered(c.flow.Brokers[i].Name, fault), Do: func(ctx context.Context) error {
					if err := c.used(ctx, p); err != nil {
						return err
					}
					return disturbFor(ctx, p, fault, c.lasts)
				}})
			}
		}
	}
	return all
}

// used waits until the system has come by, the flow's timeout at most.
func (c *Cutter) used(ctx context.Context, p *proxy.Proxy) error {
	ctx, cancel := context.WithTimeout(ctx, c.flow.Timeout)
	defer cancel()
	ticker := time.NewTicker(drillTick)
	defer ticker.Stop()
	for !p.Used() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return unused(p)
		}
	}
	return nil
}
