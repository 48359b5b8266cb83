package brokertest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// absentTap: tapping what does not exist is refused by name, each time, also
// beside what exists, and leaves nothing.
func absentTap(r *rig) {
	live, absent := r.channel("live"), r.channelOf("absent", ChannelOptions{State: Absent})
	unchanged := r.observe()
	t := r.tapper()
	for _, chs := range [][]brokers.Channel{{absent}, {absent}, {live, absent}} { // the second finds what the first has created
		_, err := r.armAt(t, brokers.Start{}, chs...)
		if !errors.Is(err, brokers.ErrAbsent) {
			r.Fatalf("Tap: want ErrAbsent, got: %v", err)
		}
		r.names(err, absent)
	}
	unchanged()
}

// observe is Observe, or nothing where the hook is not there.
func (r *rig) observe() func() {
	if r.s.Observe == nil {
		return func() {}
	}
	return r.s.Observe(r.TB)
}

// names fails if an error does not name the channel's address.
func (r *rig) names(err error, ch brokers.Channel) {
	r.Helper()
	address := addressOf(ch)
	if !strings.Contains(err.Error(), address) {
		r.Fatalf("the error does not name %q: %v", address, err)
	}
}

// addressOf is the name of what the channel speaks of; of an ARN or a URL, its
// last part.
func addressOf(ch brokers.Channel) string {
	for _, name := range []string{ch.Topic, ch.Queue, ch.Stream, ch.Exchange, ch.SNS, ch.SQS} {
		if name != "" {
			return name[strings.LastIndexAny(name, ":/")+1:]
		}
	}
	return ""
}

// untappable: what cannot be tapped without disturbing it is refused, and
// nothing is left.
func untappable(r *rig) {
	r.need("Untappable", r.s.Untappable != nil)
	all := r.s.Untappable(r.TB)
	if len(all) == 0 {
		r.Fatalf("Untappable gives no channel")
	}
	unchanged := r.observe()
	t := r.tapper()
	for _, ch := range all {
		ch.Name = "untappable"
		_, err := r.armAt(t, brokers.Start{}, ch)
		if !errors.Is(err, brokers.ErrNotTappable) {
			r.Fatalf("Tap of %s: want ErrNotTappable, got: %v", addressOf(ch), err)
		}
		r.names(err, ch)
	}
	unchanged()
}

// unreachable: where nobody listens, both ends say so, soon.
func unreachable(r *rig) {
	r.need("Unreachable", r.s.Unreachable.URL != "")
	r.fails(r.s.Unreachable, brokers.ErrUnreachable)
}

// refused: a wrong login is told as such, soon.
func refused(r *rig) {
	r.need("Refused", r.s.Refused.URL != "")
	r.fails(r.s.Refused, brokers.ErrRefused)
}

// fails opens both ends and wants the same error of both, without the password.
func (r *rig) fails(cfg brokers.Config, want error) {
	r.Helper()
	var tapErr, pubErr error
	r.soon("OpenTapper", func() {
		var t brokers.Tapper
		if t, tapErr = r.s.Adapter.OpenTapper(context.Background(), r.config(cfg)); tapErr == nil {
			t.Close()
		}
	})
	r.soon("OpenPublisher", func() {
		var p brokers.Publisher
		if p, pubErr = r.s.Adapter.OpenPublisher(context.Background(), r.config(cfg)); pubErr == nil {
			p.Close()
		}
	})
	for _, err := range []error{tapErr, pubErr} {
		if !errors.Is(err, want) {
			r.Fatalf("want %q, got: %v", want, err)
		}
		if cfg.Password != "" && strings.Contains(err.Error(), cfg.Password) {
			r.Fatalf("the error tells the password: %v", err)
		}
	}
}

// soon runs f and fails if it takes longer than a user waits for an error,
// whatever the subject's patience.
func (r *rig) soon(what string, f func()) {
	r.Helper()
	const wait = 30 * time.Second
	if !returns(wait, f) {
		r.Fatalf("%s did not return within %s", what, wait)
	}
}

// cancelledTap: whenever the context ends while Tap works, nothing is left
// behind.
func cancelledTap(r *rig) {
	r.need("Observe", r.s.Observe != nil)
	a, b := r.channel("alpha"), r.channel("beta")
	unchanged := r.s.Observe(r.TB)
	t := r.tapper()
	events := make(chan message.Event)
	for _, life := range []time.Duration{0, 100 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), life)
		tap, err := t.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{a, b}, Events: events})
		cancel()
		if err == nil {
			r.closes("Close", func() error { return tap.Close(r.ctx()) })
		}
		if err == nil && life == 0 {
			r.Fatalf("Tap succeeds with a context that is over")
		}
	}
	unchanged()
}
