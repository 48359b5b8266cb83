package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// CatchUp implements brokers.Tap. It compares how far each partition was read,
// control records and aborted transactions included, with the high watermark.
// Behind an open transaction nothing can be read: after tuning.patience it
// returns without having seen what lies there, and says so.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	t.waiters.Add(1)
	defer t.waiters.Add(-1)
	goal, deleted, err := t.goal(ctx)
	if err == nil {
		var caught brokers.Caught
		if caught, err = t.await(ctx, goal); err == nil {
			if deleted != "" {
				caught = brokers.Caught{Reason: deleted}
			}
			return caught, nil
		}
	}
	if t.ctx.Err() != nil {
		err = errors.New("the tap is closed")
	}
	return brokers.Caught{}, fmt.Errorf("catch up on kafka %s: %w", t.c.name, err)
}

// goals are the ends to be read up to.
type goals map[*partition]int64

// goal asks for the ends of all partitions, new ones included. It goes on
// asking while brokers are away, up to tuning.outage.
func (t *tap) goal(ctx context.Context) (goal goals, deleted string, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.c.tune.outage)
	defer cancel()
	for {
		goal, deleted, err = t.askGoal(ctx)
		if err == nil || !errors.Is(err, brokers.ErrUnreachable) || ctx.Err() != nil {
			return goal, deleted, err
		}
		if pause.For(ctx, 50*time.Millisecond) != nil {
			return nil, "", err
		}
	}
}

func (t *tap) askGoal(ctx context.Context) (goal goals, deleted string, err error) {
	if err := t.survey(ctx); err != nil {
		return nil, "", err
	}
	parts, spots := map[spot]*partition{}, map[spot]place{}
	t.mu.Lock()
	for name, topic := range t.topics {
		if !topic.missing.IsZero() {
			deleted = fmt.Sprintf("topic %s %v any more", name, brokers.ErrAbsent)
			continue
		}
		for _, p := range topic.parts {
			parts[p.spot], spots[p.spot] = p, place{leader: -1}
		}
	}
	t.mu.Unlock()
	if spots, err = t.c.relocate(ctx, spots); err != nil {
		return nil, "", err
	}
	ends, err := t.c.offsets(ctx, spots, high)
	if err != nil {
		return nil, "", err
	}
	goal = goals{}
	for s, end := range ends {
		goal[parts[s]] = end
	}
	return goal, deleted, nil
}

// await waits until every partition was read up to its goal.
func (t *tap) await(ctx context.Context, goal goals) (brokers.Caught, error) {
	var since time.Time // when only held partitions were left
	tick := time.NewTicker(max(t.c.tune.patience/10, time.Millisecond))
	defer tick.Stop()
	for {
		t.mu.Lock()
		moved := t.moved
		t.mu.Unlock()
		behind, held, err := t.behind(goal)
		switch {
		case err != nil:
			return brokers.Caught{}, err
		case behind == "" && held == nil:
			return brokers.Caught{Exact: true}, nil
		case behind != "":
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= t.c.tune.patience:
			since = time.Time{}
			if reason, err := t.confirm(ctx, held, goal); reason != "" || err != nil {
				return brokers.Caught{Reason: reason}, err
			}
		}
		select {
		case <-moved:
		case <-tick.C:
		case <-ctx.Done():
			return brokers.Caught{}, fmt.Errorf("%s: %w", behind, ctx.Err())
		}
	}
}

// behind looks for partitions that have not been read up to their goals. Of
// those that are to come behind names one; held are the ones of which the broker
// showed no more when it was last asked.
func (t *tap) behind(goal goals) (behind string, held []*partition, err error) {
	for p, end := range goal {
		read, stable := p.read.Load(), p.stable.Load()
		switch trouble := p.trouble.Load(); {
		case read >= end || p.gone.Load():
			delete(goal, p)
		case trouble != nil && (isRefusal(trouble.err) || time.Since(trouble.since) > t.c.tune.outage):
			return "", nil, failed("read "+p.String(), trouble.err)
		case trouble == nil && (stable < end && read >= stable || p.barren.Load()):
			held = append(held, p)
		default:
			behind = fmt.Sprintf("%s is read up to offset %d of %d", p, read, end)
		}
	}
	return behind, held, nil
}

// confirm asks the broker why the held partitions do not get further. No reason
// means that they will.
func (t *tap) confirm(ctx context.Context, held []*partition, goal goals) (reason string, err error) {
	spots := map[spot]place{}
	for _, p := range held {
		spots[p.spot] = place{leader: -1}
	}
	if spots, err = t.c.relocate(ctx, spots); err != nil {
		return "", err
	}
	ends, err := t.c.offsets(ctx, spots, high)
	if err != nil {
		return "", err
	}
	committed, err := t.c.offsets(ctx, spots, stable)
	if err != nil {
		return "", err
	}
	for _, p := range held {
		read, open := p.read.Load(), committed[p.spot]
		switch {
		case ends[p.spot] < goal[p]:
			reason = fmt.Sprintf("the log of %s was cut back to offset %d", p, ends[p.spot])
		case open < goal[p] && read >= open:
			reason = fmt.Sprintf("a transaction on %s is open since offset %d: what was accepted after it is not to be seen yet", p, open)
		case p.barren.Load():
			reason = fmt.Sprintf("%s ends at offset %d, and the broker shows nothing from %d on", p, goal[p], read)
		default:
			return "", nil
		}
	}
	return reason, nil
}
