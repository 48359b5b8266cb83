package scenarios

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// DefaultFault is how long the probe cut disturbs a connection: long enough for a publisher or a
// consumer to notice, and short of what libraries give up after.
const DefaultFault = 2 * time.Second

// cuts disturb the connections between the system and each broker that has a
// proxy: while the trigger is sent, and in mid-chain. Nothing else runs beside.
func (r *runner) cuts() ([]*try, string) {
	var tries []*try
	for i := range r.cfg.Flow.Brokers {
		p := r.proxies[i]
		if p == nil {
			continue
		}
		name := r.cfg.Flow.Brokers[i].Name
		for _, f := range proxy.Faults() {
			what := suffered(name, f)
			tries = append(tries,
				&try{name: fmt.Sprintf("%s %s", name, f), meanwhile: r.disturb(p, f, what+" while the trigger was sent")},
				&try{name: fmt.Sprintf("%s %s in mid-chain", name, f), acts: []act{{midChain, r.disturb(p, f, what+" in mid-chain")}}})
		}
	}
	for _, t := range tries {
		t.alone, t.disturbs = true, true
	}
	if len(tries) == 0 {
		return nil, "no broker of the flow has a proxy that the system connects through: add proxy: 127.0.0.1:PORT to one"
	}
	return tries, ""
}

// disturb disturbs a connection for a while.
func (r *runner) disturb(p *proxy.Proxy, f proxy.Fault, what string) func(context.Context, *sending) error {
	return r.shared(func(ctx context.Context) (string, error) {
		if !p.Used() {
			return "", unused(p)
		}
		lasts := cmp.Or(r.cfg.Fault, DefaultFault)
		return what + " for " + lasts.String(), disturbFor(ctx, p, f, lasts)
	})
}

// startProxies starts the proxies of the flow, where a probe is to use them.
func (r *runner) startProxies() (err error) {
	for _, in := range r.all {
		r.cutting = r.cutting || slices.Contains(in.probes, "cut")
	}
	if r.cutting {
		r.proxies, err = proxiesOf(r.cfg.Flow)
	}
	return err
}
