package shop

import (
	"context"
	"fmt"
	"time"
)

// The relay's patience.
const (
	relayTimeout = 10 * time.Second       // for one try
	relayHasty   = 200 * time.Millisecond // the same for who does not wait for the broker's word
	relayAgain   = 100 * time.Millisecond // between two
)

// relay publishes the rows of a strand, one after the other, until ctx ends. A row
// that is being published then is brought to its end.
func (s *Shop) relay(ctx context.Context, l lane, strand uint32) error {
	for {
		r, wait := s.db.next(l, strand)
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.relayOne(ctx, r); err != nil {
			s.cfg.Log.Warn("the relay tries again", "broker", l, "error", err)
			if err := s.pause(ctx, relayAgain); err != nil {
				return err
			}
		}
	}
}

func (s *Shop) relayOne(ctx context.Context, r row) error {
	patience := relayTimeout
	if s.has(bugUnconfirmed) {
		patience = s.stretch(relayHasty)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := s.publish(ctx, r)
	if err != nil && !s.has(bugUnconfirmed) {
		return err
	}
	s.db.sent(r.id)
	return err
}

// publish returns when the broker has the message.
func (s *Shop) publish(ctx context.Context, r row) error {
	switch r.lane {
	case laneEvents:
		return s.events.produce(r)
	case laneTasks:
		return s.cfg.Tasks.Publish(ctx, r.to, Task{ID: s.db.nameOf(r), Key: r.key, Headers: r.headers, Body: r.body})
	case laneMails:
		attributes := map[string]string{}
		for name, value := range r.headers {
			attributes[name] = fmt.Sprint(value)
		}
		return s.cfg.Mails.Publish(ctx, r.to, Mail{ID: s.db.nameOf(r), Group: r.key, DedupID: r.dedup, Attributes: attributes, Body: r.body})
	default:
		return fmt.Errorf("shop: no broker %q", r.lane)
	}
}
