package brokertest

import (
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

// plan: every object is named, with what is done to it and what that takes; and
// nothing is done yet.
func plan(r *rig) {
	a, b := r.channel("alpha"), r.channel("beta")
	unchanged := r.observe()
	t := r.tapper()
	actions, err := t.Plan(r.ctx(), brokers.TapConfig{Channels: []brokers.Channel{a, b}})
	if err != nil {
		r.Fatalf("Plan: %v", err)
	}
	unchanged()
	var objects []string
	for _, action := range actions {
		if action.Verb == "" || action.Object == "" || action.Permission == "" {
			r.Fatalf("an action lacks its verb, object or permission: %+v", action)
		}
		objects = append(objects, action.Object)
	}
	for _, ch := range []brokers.Channel{a, b} {
		if address := addressOf(ch); !strings.Contains(strings.Join(objects, "\n"), address) {
			r.Fatalf("the plan does not name %q: %q", address, objects)
		}
	}
}

// quiet: while a consumer has work left the channel is not quiet; when it has
// taken everything, it is, whatever a tap has still to read.
func quiet(r *rig) {
	ch := r.channel("orders")
	t := r.tapper()
	watcher, ok := t.(brokers.Watcher)
	if !r.s.Claims.Quiet {
		if ok {
			r.knowsNothing(watcher, ch)
		}
		return
	}
	r.need("NewConsumer", r.s.NewConsumer != nil)
	if !ok {
		r.Fatalf("Quiet is claimed, but the tapper is no Watcher")
	}
	consumer := r.s.NewConsumer(r.TB, ch)
	r.arm(t, ch)
	all := texts(4)
	r.publish(r.publisher(), ch, all...)
	r.becomes(watcher, ch, false)
	consumer.Take(r.TB, len(all)-1)
	r.becomes(watcher, ch, false)
	consumer.Take(r.TB, 1)
	r.becomes(watcher, ch, true)
}

// knowsNothing fails if a Watcher knows what is not claimed.
func (r *rig) knowsNothing(watcher brokers.Watcher, ch brokers.Channel) {
	r.Helper()
	q, err := watcher.Quiet(r.ctx(), []brokers.Channel{ch})
	if err == nil && (q.Known || q.Reason == "") {
		r.Fatalf("it is not claimed that quiet can be known, but the tapper says %+v", q)
	}
}

// becomes waits for the broker's word. That it is quiet too early, though work
// is left, shows at once, so it is asked a few times.
func (r *rig) becomes(watcher brokers.Watcher, ch brokers.Channel, want bool) {
	r.Helper()
	agreed := 0
	r.eventually(fmt.Sprintf("quiet becomes %t", want), func() string {
		q, err := watcher.Quiet(r.ctx(), []brokers.Channel{ch})
		switch {
		case err != nil:
			r.Fatalf("Quiet: %v", err)
		case !q.Quiet && q.Reason == "":
			r.Fatalf("not quiet, without a reason: %+v", q)
		case !q.Known || q.Quiet != want:
			agreed = 0
			return fmt.Sprintf("%+v", q)
		}
		if agreed++; agreed < 3 {
			return fmt.Sprintf("%+v, only just", q)
		}
		return ""
	})
}

// identify: the broker is the same one whoever asks.
func identify(r *rig) {
	identifier, ok := r.tapper().(brokers.Identifier)
	if !r.s.Claims.Identity {
		if ok {
			if id, err := identifier.Identify(r.ctx()); err == nil {
				r.Fatalf("an identity is not claimed, but the tapper says %+v", id)
			}
		}
		return
	}
	if !ok {
		r.Fatalf("an identity is claimed, but the tapper is no Identifier")
	}
	first, err := identifier.Identify(r.ctx())
	if err != nil {
		r.Fatalf("Identify: %v", err)
	}
	second, err := r.tapper().(brokers.Identifier).Identify(r.ctx())
	if err != nil {
		r.Fatalf("Identify: %v", err)
	}
	if first != second || first.ID == "" || first.Kind != r.s.Adapter.Kind {
		r.Fatalf("identities %+v and %+v: they differ, lack the id, or the kind is not %q", first, second, r.s.Adapter.Kind)
	}
}
