package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// keep looks for new partitions from time to time and finds readers for the
// parked ones, until the tap is closed.
func (t *tap) keep() {
	const least, most = 20 * time.Millisecond, time.Second
	ticker := time.NewTicker(t.c.tune.refresh)
	defer ticker.Stop()
	wait, last := least, time.Time{}
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-ticker.C:
		case <-t.nudge:
			if time.Since(last) > 5*most {
				wait = least
			}
			if pause.For(t.ctx, wait) != nil {
				return
			}
			wait, last = min(2*wait, most), time.Now()
		}
		if err := t.survey(t.ctx); err != nil && t.ctx.Err() == nil {
			t.c.log.Warn("looking for the partitions again", "error", err)
			t.nudgeSelf()
		}
		for _, g := range t.takeUntold() {
			t.tell(g.channels, g.reason)
		}
	}
}

// takeUntold returns the gaps that surveys found and that nobody has told yet.
func (t *tap) takeUntold() []gap {
	t.mu.Lock()
	defer t.mu.Unlock()
	untold := t.untold
	t.untold = nil
	return untold
}

// nudgeSelf makes the keeper look again soon.
func (t *tap) nudgeSelf() {
	select {
	case t.nudge <- struct{}{}:
	default:
	}
}

// survey asks what the topics look like now and acts on it.
func (t *tap) survey(ctx context.Context) error {
	select {
	case t.surveying <- struct{}{}:
		defer func() { <-t.surveying }()
	case <-ctx.Done():
		return failed("look at the topics", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, t.c.tune.outage)
	defer cancel()
	names := make([]string, 0, len(t.topics))
	for name := range t.topics {
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil
	}
	now, err := t.c.topics(ctx, names)
	if err != nil {
		return err
	}
	for name, was := range t.topics {
		is, ok := now[name]
		if !ok {
			t.miss(name, was)
			continue
		}
		if is.err != nil {
			t.c.log.Warn("cannot look at a topic", "topic", name, "error", is.err)
			continue
		}
		if err := t.compare(ctx, name, was, is); err != nil {
			return err
		}
	}
	if err := t.recover(ctx, now); err != nil {
		return err
	}
	t.place(now)
	return nil
}

// miss handles a topic that the broker does not know. For a moment that may be
// a broker that has just started; then the topic was deleted.
func (t *tap) miss(name string, was *tapped) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case was.missing.IsZero():
		was.missing = time.Now()
	case !was.deleted && time.Since(was.missing) > t.c.tune.absent:
		was.deleted = true
		t.untold = append(t.untold, gap{was.channels, fmt.Sprintf("topic %s was deleted", name)})
		t.nudgeSelf()
	}
}

// compare finds new partitions, and a topic that was deleted and made anew. It
// parks them for place.
func (t *tap) compare(ctx context.Context, name string, was *tapped, is topic) error {
	anew := was.id != is.id || was.deleted && is.id == (sarama.Uuid{})
	fresh := map[spot]place{}
	for id, at := range is.places {
		if t.share != nil && !t.share(brokers.Channel{Topic: name}, id) {
			continue
		}
		if at.leader >= 0 && (anew || was.parts[id] == nil) {
			fresh[spot{name, id}] = at
		}
	}
	starts, err := t.c.offsets(ctx, fresh, oldest)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if anew {
		for _, p := range was.parts {
			p.gone.Store(true)
		}
		was.parts = map[int32]*partition{}
	}
	was.id, was.missing, was.deleted = is.id, time.Time{}, false
	for s, offset := range starts {
		p := newPartition(s, was.channels, offset)
		if anew {
			p.gaps = append(p.gaps, fmt.Sprintf("topic %s was deleted and made anew", name))
			anew = false
		}
		p.fenced = !t.durable
		t.c.log.Debug("new partition", "partition", s, "offset", offset)
		was.parts[s.partition] = p
		t.parked = append(t.parked, p)
	}
	return nil
}

// recover finds out where to go on in parked partitions whose offset the broker
// refused.
func (t *tap) recover(ctx context.Context, now map[string]topic) error {
	lost := map[spot]place{}
	byName := map[spot]*partition{}
	t.mu.Lock()
	for _, p := range t.parked {
		if at, ok := now[p.topic].places[p.partition]; ok && p.lost && at.leader >= 0 {
			lost[p.spot], byName[p.spot] = at, p
		}
	}
	t.mu.Unlock()
	if len(lost) == 0 {
		return nil
	}
	low, err := t.c.offsets(ctx, lost, oldest)
	if err != nil {
		return err
	}
	end, err := t.c.offsets(ctx, lost, high)
	if err != nil {
		return err
	}
	for s, p := range byName {
		p.resume(low[s], end[s])
	}
	return nil
}

// resume goes on after the broker has refused the offset p.next, and notes the
// gap.
func (p *partition) resume(low, end int64) {
	p.lost = false
	switch {
	case p.next < low:
		p.gaps = append(p.gaps, fmt.Sprintf("retention passed the tap: offsets %d to %d of %s are gone", p.next, low-1, p))
		p.move(low)
	case p.next > end:
		p.gaps = append(p.gaps, fmt.Sprintf("the log of %s was cut back from offset %d to %d, as by an unclean election", p, p.next, end))
		p.move(end)
	default:
		p.gaps = append(p.gaps, fmt.Sprintf("the broker refused offset %d of %s and has it again: its log may have been cut back", p.next, p))
	}
}

// place gives the parked partitions to the readers of their leaders: those that
// now names, or, where now is nil, as they know it themselves.
func (t *tap) place(now map[string]topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var still []*partition
	for _, p := range t.parked {
		if p.gone.Load() {
			continue
		}
		if now != nil {
			at, ok := now[p.topic].places[p.partition]
			if !ok {
				at = place{leader: -1, epoch: -1}
			}
			p.at = at
		}
		if p.lost || !t.hand(p) {
			still = append(still, p)
		}
	}
	t.parked = still
	if len(still) > 0 {
		t.nudgeSelf()
	}
}

// hand gives a partition to the reader of its leader, which it starts where
// there is none. The caller holds t.mu.
func (t *tap) hand(p *partition) bool {
	addr, err := t.c.address(p.at.leader)
	if err != nil || t.ctx.Err() != nil {
		if p.trouble.Load() == nil {
			p.fails(fmt.Errorf("%w: %s has no leader", brokers.ErrUnreachable, p))
		}
		return false
	}
	r := t.readers[p.at.leader]
	if r == nil {
		r = &reader{t: t, leader: p.at.leader, conn: t.c.dial(addr)}
		t.readers[p.at.leader] = r
		t.work.Go(r.run)
	}
	r.inbox = append(r.inbox, p)
	return true
}
