package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// How long to wait between two questions to SQS: AWS's counts move slowly and
// each question costs money, an emulator's are at once.
const (
	paceReal     = 500 * time.Millisecond
	paceEmulator = 10 * time.Millisecond
)

// CatchUp implements brokers.Tap. SQS has approximate counts only, and SNS does
// not tell what it is still delivering, so it is never exact: it returns when
// the counts of each queue were zero, then a receive was empty, then they were
// zero again.
func (t *tap) CatchUp(ctx context.Context) (brokers.Caught, error) {
	type result struct {
		r   *reader
		err error
	}
	results := make(chan result, len(t.readers))
	for _, r := range t.readers {
		go func() { results <- result{r, r.catchUp(ctx)} }()
	}
	var errs []error
	for range t.readers {
		if got := <-results; got.err != nil {
			errs = append(errs, fmt.Errorf("catch up with %s: %w", got.r.channel.Name, got.err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return brokers.Caught{}, err
	}
	return brokers.Caught{Reason: t.doubt()}, nil
}

// doubt says why a CatchUp is not exact.
func (t *tap) doubt() string {
	if t.on.real {
		return "SQS's counts are approximate, and SNS tells neither what it is still delivering nor when a new subscription takes effect"
	}
	return "SQS's counts are approximate; that an emulator's are not cannot be told"
}

// catchUp waits until the queue seems empty and everything taken from it has
// been handed on: what is not deleted yet still counts.
func (r *reader) catchUp(ctx context.Context) error {
	for {
		empty, err := r.seemsEmpty(ctx)
		if err != nil || empty {
			return err
		}
		if err := r.pace(ctx); err != nil {
			return err
		}
	}
}

// seemsEmpty looks three times: count, receive, count.
func (r *reader) seemsEmpty(ctx context.Context) (bool, error) {
	for look := range 3 {
		if err := r.failed(); err != nil {
			return false, err
		}
		var n int
		var err error
		if look == 1 {
			n, err = r.pollOnce(ctx)
		} else {
			var c counts
			c, err = count(ctx, r.sqs, r.url)
			n = c.total()
		}
		if isAbsent(err) && ctx.Err() == nil {
			return false, nil // run decides whether it is gone for good
		}
		if err != nil {
			return false, failure(ctx, "ask the queue", err)
		}
		if n > 0 {
			return false, nil
		}
	}
	return true, nil
}

// pollOnce receives once beside the reader's own receives. On AWS it waits for a
// second, for only a receive that waits asks all of SQS's servers.
func (r *reader) pollOnce(ctx context.Context) (int, error) {
	var wait int32
	if r.real {
		wait = shortPoll
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	ok := r.spawn(func() {
		n, err := r.poll(wait)
		done <- result{n, err}
	})
	if !ok {
		return 0, errors.New("the tap is closed")
	}
	select {
	case got := <-done:
		return got.n, got.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// pace waits a moment.
func (r *reader) pace(ctx context.Context) error {
	d := paceEmulator
	if r.real {
		d = paceReal
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitQueue returns the counts of the queue as soon as it can be asked: a new
// queue takes a second or so to be known.
func (r *reader) awaitQueue(ctx context.Context) (counts, error) {
	began := time.Now()
	for {
		c, err := count(ctx, r.sqs, r.url)
		if err == nil {
			return c, nil
		}
		if !isAbsent(err) || time.Since(began) > graceTime {
			return counts{}, failure(ctx, "the queue's counts (sqs:GetQueueAttributes)", err)
		}
		if err := r.pace(ctx); err != nil {
			return counts{}, err
		}
	}
}
