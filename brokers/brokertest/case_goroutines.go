package brokertest

import (
	"context"
	"errors"

	"go.uber.org/goleak"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// goroutines: once all is closed, none is left, after work and after failures.
func goroutines(r *rig) {
	ch := r.channelOf("orders", ChannelOptions{Partitions: 3})
	absent := r.channelOf("absent", ChannelOptions{State: Absent})
	known := append([]goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	}, r.s.Leaks...)
	for range 2 {
		if err := r.workAndClose(ch, absent); err != nil {
			r.Fatalf("%v", err)
		}
	}
	r.eventually("goroutines end", func() string {
		if err := goleak.Find(known...); err != nil {
			return err.Error()
		}
		return ""
	})
}

// workAndClose opens, fails, taps, publishes, catches up and closes everything.
func (r *rig) workAndClose(ch, absent brokers.Channel) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.s.Patience)
	defer cancel()
	if r.s.Unreachable.URL != "" {
		if t, err := r.s.Adapter.OpenTapper(ctx, r.config(r.s.Unreachable)); err == nil {
			return errors.Join(errors.New("the unreachable broker was reached"), t.Close())
		}
	}
	t, err := r.s.Adapter.OpenTapper(ctx, r.config(r.s.Config))
	if err != nil {
		return err
	}
	p, err := r.s.Adapter.OpenPublisher(ctx, r.config(r.s.Config))
	if err != nil {
		return errors.Join(err, t.Close())
	}
	events := make(chan message.Event, 100)
	if _, err := t.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{ch, absent}, Events: events}); err == nil {
		return errors.Join(errors.New("the absent channel was tapped"), t.Close(), p.Close())
	}
	tap, err := t.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
	if err != nil {
		return errors.Join(err, t.Close(), p.Close())
	}
	for _, m := range texts(5) {
		if _, pubErr := p.Publish(ctx, ch, brokers.Outgoing{Message: m}); pubErr != nil {
			err = pubErr
		}
	}
	_, caughtErr := tap.CatchUp(ctx)
	return errors.Join(err, caughtErr, tap.Close(ctx), p.Close(), t.Close())
}
