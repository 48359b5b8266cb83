package brokertest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// rig is what a case works with: the subject, and short ways to open, tap and
// publish that fail the test by themselves and clean up after it.
type rig struct {
	testing.TB
	s Subject
}

// newRig fills in what the subject leaves open.
func newRig(t testing.TB, s Subject) *rig {
	if s.Patience == 0 {
		s.Patience = time.Minute
	}
	if s.Pause == 0 {
		s.Pause = 200 * time.Millisecond
	}
	return &rig{TB: t, s: s}
}

// need fails the case where a hook is missing.
func (r *rig) need(hook string, there bool) {
	r.Helper()
	if !there {
		r.Fatalf("brokertest: Subject.%s is not given: give it, or say in Unserved why this case cannot be served", hook)
	}
}

// ctx ends when the suite's patience does.
func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), r.s.Patience)
	r.Cleanup(cancel)
	return ctx
}

// config completes a broker's config; each has a run id of its own.
func (r *rig) config(cfg brokers.Config) brokers.Config {
	if cfg.Name == "" {
		cfg.Name = "subject"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.RunID = "t" + strings.ReplaceAll(uuid.NewString(), "-", "")[:10]
	return cfg
}

// tapper connects a tapper that is closed at the end.
func (r *rig) tapper() brokers.Tapper {
	r.Helper()
	t, err := r.s.Adapter.OpenTapper(r.ctx(), r.config(r.s.Config))
	if err != nil {
		r.Fatalf("OpenTapper: %v", err)
	}
	r.Cleanup(func() { r.finally("closing the tapper", t.Close) })
	return t
}

// publisher connects a publisher that is closed at the end.
func (r *rig) publisher() brokers.Publisher {
	r.Helper()
	p := r.openPublisher()
	r.Cleanup(func() { r.finally("closing the publisher", p.Close) })
	return p
}

// openPublisher connects a publisher that the case closes.
func (r *rig) openPublisher() brokers.Publisher {
	r.Helper()
	p, err := r.s.Adapter.OpenPublisher(r.ctx(), r.config(r.s.Config))
	if err != nil {
		r.Fatalf("OpenPublisher: %v", err)
	}
	return p
}

// channel makes a live channel.
func (r *rig) channel(name string) brokers.Channel {
	r.Helper()
	return r.channelOf(name, ChannelOptions{})
}

// channelOf makes a channel as the options say.
func (r *rig) channelOf(name string, o ChannelOptions) brokers.Channel {
	r.Helper()
	if o.Partitions == 0 {
		o.Partitions = 1
	}
	ch := r.s.NewChannel(r.TB, o)
	ch.Name = name
	return ch
}

// arm taps the channels from their ends.
func (r *rig) arm(t brokers.Tapper, channels ...brokers.Channel) *watch {
	r.Helper()
	w, err := r.armAt(t, brokers.Start{}, channels...)
	if err != nil {
		r.Fatalf("Tap: %v", err)
	}
	return w
}

// armAt taps the channels from anywhere.
func (r *rig) armAt(t brokers.Tapper, start brokers.Start, channels ...brokers.Channel) (*watch, error) {
	w := &watch{r: r, events: make(chan message.Event)}
	tap, err := t.Tap(r.ctx(), brokers.TapConfig{Channels: channels, Start: start, Events: w.events})
	if err != nil {
		return nil, err
	}
	w.tap = tap
	r.Cleanup(w.close)
	return w, nil
}

// publish sends messages one after the other.
func (r *rig) publish(p brokers.Publisher, ch brokers.Channel, all ...message.Message) {
	r.Helper()
	for _, m := range all {
		if _, err := p.Publish(r.ctx(), ch, brokers.Outgoing{Message: m}); err != nil {
			r.Fatalf("Publish to %s: %v", ch.Name, err)
		}
	}
}

// after is closed when the clock has moved on by d.
func (r *rig) after(d time.Duration) <-chan time.Time { return time.After(d) }

// eventually asks until the answer is "", and fails with the last one.
func (r *rig) eventually(what string, ask func() string) {
	r.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(r.s.Patience)
	for {
		last := ask()
		if last == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.Fatalf("%s: not within %s: %s", what, r.s.Patience, last)
		}
	}
}

// within runs f and fails if it does not return in time.
func (r *rig) within(what string, f func()) {
	r.Helper()
	if !returns(r.s.Patience, f) {
		r.Fatalf("%s did not return within %s", what, r.s.Patience)
	}
}

// returns reports whether f returns in time.
func returns(wait time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(wait):
		return false
	}
}

// finally cleans up. It reports what goes wrong, and goes on.
func (r *rig) finally(what string, f func() error) {
	r.Helper()
	result := make(chan error, 1)
	if !returns(r.s.Patience, func() { result <- f() }) {
		r.Errorf("%s: it did not return within %s", what, r.s.Patience)
		return
	}
	if err := <-result; err != nil {
		r.Errorf("%s: %v", what, err)
	}
}

// texts makes n messages that differ from each other and from every other's.
func texts(n int) []message.Message {
	batch := uuid.NewString()
	all := make([]message.Message, n)
	for i := range all {
		all[i] = message.Message{Payload: fmt.Appendf(nil, `{"batch":%q,"n":%d}`, batch, i)}
	}
	return all
}
