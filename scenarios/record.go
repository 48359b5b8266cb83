package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// RecordConfig is what a recording needs.
type RecordConfig struct {
	Flow     *flows.Flow
	Tappers  map[int]brokers.Tapper
	Channels []brokers.Channel
	Start    brokers.Start
	// For bounds the recording; 0: until the context ends.
	For    time.Duration
	Record Recorder
	// Schemas fetches what the channels' registries have; it may be nil where no
	// channel has one.
	Schemas flows.Schemas
	Now     func() time.Time
	// Armed, if not nil, is called when every tap is armed.
	Armed func()
}

// endTimeout bounds how long the taps may take to say how far they have read,
// once a recording is to end.
const endTimeout = 10 * time.Second

// Record taps every channel of the flow and keeps what goes by until ctx ends or
// the time is up. Either is a good end: every tap catches up and the end mark is
// written. It returns the number of messages.
func Record(ctx context.Context, cfg RecordConfig) (messages int, err error) {
	r := &runner{
		cfg:   Config{Flow: cfg.Flow, Tappers: cfg.Tappers, Channels: cfg.Channels, Record: cfg.Record, Now: cfg.Now},
		began: cfg.Now(), events: make(chan message.Event, eventBuffer),
		learner: flows.NewLearner(cfg.Flow, cfg.Schemas),
		lag:     newLag(cfg.Flow), watch: newWatch(), backlog: cfg.Start.At != brokers.StartEnd,
	}
	defer func() {
		if closeErr := r.closeTaps(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}()
	if err := r.armTaps(ctx, brokers.TapConfig{Events: r.events, Start: cfg.Start}); err != nil {
		return 0, err
	}
	if err := cfg.Record.Begin(r.header(ctx, cfg.Now())); err != nil {
		return 0, err
	}
	if cfg.Armed != nil {
		cfg.Armed()
	}
	if cfg.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.For)
		defer cancel()
	}
	for ctx.Err() == nil {
		select {
		case e := <-r.events:
			if err := r.keep(e); err != nil {
				return r.messages, err
			}
		case <-ctx.Done():
		}
	}
	return r.messages, r.endRecording()
}

// keep writes an event without judging it.
func (r *runner) keep(e message.Event) error {
	if e.Observation != nil {
		r.messages++
		if err := r.learn(e.Observation); err != nil {
			return err
		}
		e.Observation = r.cfg.Flow.Masked(timely(e.Observation))
		// A message from before the tap says nothing of the clocks: it is old.
		if !r.backlog || !e.Observation.Time.Before(r.began) {
			r.lag.note(e.Observation)
		}
	}
	return r.cfg.Record.Event(e)
}

// endRecording writes the end, if the taps can say how far they have read.
func (r *runner) endRecording() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	c, err := r.readToEnd(ctx, r.keep)
	if err == nil {
		err = c.err()
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the recording has no end: a tap could not tell how far it had read: %w", err)
		}
		return err
	}
	return r.keep(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: r.lag.broker(c.started).Time()}})
}
