package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// How long to wait between two questions to SQS: AWS's counts move slowly and
// each question costs money, an emulator's are at once.
const (
	paceReal     = 500 * time.Millisecond
	paceEmulator = 10 * time.Millisecond
)

// CatchUp implements brokers.Tap. SQS has approximate counts only, and SNS does
// not tell what it is still delivering, so it is never exact. It returns when
// the counts of each queue were zero, then a receive was empty, then they were
// zero again; or, where messages keep coming, when as many as were there have
// been handed on and only newer ones come.
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
// been handed on (what is not deleted yet still counts), or a goal is reached.
// It receives meanwhile, so that nothing waits for the reader's next look.
func (r *reader) catchUp(ctx context.Context) error {
	g, there, err := r.newGoal(ctx)
	if err != nil {
		return err
	}
	defer r.drop(g)
	for empty := there == 0; ; {
		got, left, err := r.look(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%d messages are left: %w", there, err)
		case err != nil:
			return err
		case empty && got+left == 0, r.reached(g):
			return nil
		}
		empty, there = left == 0, left
		if got == 0 && !empty {
			if err := r.pace(ctx); err != nil {
				return err
			}
		}
	}
}

// look receives once, then counts.
func (r *reader) look(ctx context.Context) (got, left int, err error) {
	if err := r.failed(); err != nil {
		return 0, 0, err
	}
	got, err = r.pollOnce(ctx)
	if err == nil {
		var c counts
		c, _, err = count(ctx, r.sqs, r.url)
		left = c.total()
	}
	switch {
	case err == nil:
		return got, left, nil
	case isAbsent(err) && ctx.Err() == nil:
		return got, 1, nil // run decides whether the queue is gone for good
	default:
		return 0, 0, failure(ctx, "ask the queue", err)
	}
}

// pollOnce receives once beside the reader's own receives.
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
	return pause.For(ctx, d)
}

// clockSlack is how far SQS's clock may be beyond what it tells: it tells whole
// seconds, and ElasticMQ tells them up to a second late.
const clockSlack = 2 * time.Second

// goal is what a CatchUp waits for while messages keep coming.
type goal struct {
	before time.Time // by SQS's clock: what was sent later did not exist at the call
	left   int       // of the messages that were there, as many are not handed on yet
	newer  int       // batches handed on since the last that held a message sent before
}

// newGoal notes, and returns, how much there is at this moment. What is handed on while SQS is asked is taken off, for
// its answer may count it; else a goal could be out of reach.
func (r *reader) newGoal(ctx context.Context) (*goal, int, error) {
	g := &goal{before: time.Now().AddDate(1, 0, 0)} // so far, everything was sent before
	r.mu.Lock()
	r.goals[g] = true
	r.mu.Unlock()
	c, now, err := count(ctx, r.sqs, r.url)
	if err != nil && (ctx.Err() != nil || !isAbsent(err)) {
		r.drop(g)
		return nil, 0, failure(ctx, "ask the queue", err)
	}
	if now.IsZero() {
		now = time.Now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.before = now.Truncate(time.Second).Add(clockSlack)
	g.left += c.total()
	return g, c.total(), nil
}

func (r *reader) drop(g *goal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.goals, g)
}

// manyNewer is how many batches of newer messages in a row prove, against SQS's
// approximate count, that no older one is left.
const manyNewer = 50

// reached tells whether all that was there has been handed on, as far as can be
// told: as many messages were, none of that time is at hand, and more batches in
// a row than there are receives held newer ones only.
func (r *reader) reached(g *goal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for b := range r.atHand {
		if g.countOld(*b) > 0 {
			return false
		}
	}
	return g.left <= 0 && g.newer > helpers+1 || g.newer > manyNewer
}

// taken notes a batch that was received. The func that it returns is called once
// that many of it, in their order, have been handed on.
func (r *reader) taken(messages []types.Message) func(handed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &messages
	r.atHand[b] = true
	return func(handed int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.atHand, b)
		for g := range r.goals {
			g.left -= g.countOld(messages[:handed])
			g.newer++
			if g.countOld(messages) > 0 {
				g.newer = 0
			}
		}
	}
}

// countOld is how many of the messages may have been there at the call.
func (g *goal) countOld(messages []types.Message) int {
	n := 0
	for _, m := range messages {
		if sentTime(m).Before(g.before) {
			n++
		}
	}
	return n
}
