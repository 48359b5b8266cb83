package aws

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

const (
	// longPoll is the longest wait of a receive that SQS allows, in seconds.
	longPoll = 20
	// shortPoll is the wait where the receive has to end before the tap does.
	shortPoll = 1
	// idlePause is the pause after an empty receive that did not wait.
	idlePause = 50 * time.Millisecond
	// batch is the largest batch of SQS.
	batch = 10
	// helpers is how many more receives run while batches come full.
	helpers = 3
	// holdTime is how long SQS hides a message that was received: time to hand it
	// on and delete it. It is extended while the receiver of the events is slow.
	holdTime = 30 * time.Second
	// graceTime is how long a queue may seem to be absent: a new one is not seen
	// everywhere at once.
	graceTime = 10 * time.Second
)

// reader receives the messages of one queue, sends them to events, and deletes
// them.
type reader struct {
	sqs     *sqs.Client
	log     *slog.Logger
	channel brokers.Channel
	url     string
	own     bool // the tap's queue, else one that may be consumed
	fifo    bool
	real    bool
	hold    time.Duration
	// retention of a queue of the tap's own: what is older has expired.
	retention time.Duration
	events    chan<- message.Event
	durable   bool
	resumed   time.Time // when an earlier tap had last read; zero: there was none
	missed    string    // what that has cost
	opened    sync.Once

	ctx    context.Context // of the requests; its end is the reader's
	cancel context.CancelFunc
	stop   chan struct{} // closed: hand nothing more on
	help   chan struct{} // one token for each helper

	mu       sync.Mutex
	wg       sync.WaitGroup
	stopped  bool
	dead     error // why there is no reading any more
	lastRead time.Time
	atHand   map[*[]types.Message]bool // batches received and not wholly handed on
	goals    map[*goal]bool            // of the CatchUps under way
}

// awaitQueue returns the counts of the queue as soon as it can be asked: a new
// queue takes a second or so to be known.
func (r *reader) awaitQueue(ctx context.Context) (counts, error) {
	began := time.Now()
	for {
		c, _, err := count(ctx, r.sqs, r.url)
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

// tryQueue sees, before the queue of a tap is subscribed, that it is there and
// may be read. It is empty, so nothing is received.
func (r *reader) tryQueue(ctx context.Context) error {
	if _, err := r.awaitQueue(ctx); err != nil {
		return err
	}
	_, err := r.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: aws.String(r.url)})
	if err != nil && (ctx.Err() != nil || !isAbsent(err)) {
		return failure(ctx, "receive (sqs:ReceiveMessage)", err)
	}
	return nil
}

// start begins to read.
func (r *reader) start() {
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.stop = make(chan struct{})
	r.help = make(chan struct{}, helpers)
	r.lastRead = time.Now()
	if !r.resumed.IsZero() {
		r.lastRead = r.resumed
	}
	r.atHand = map[*[]types.Message]bool{}
	r.goals = map[*goal]bool{}
	r.spawn(r.run)
}

// spawn runs f in a goroutine that close waits for, unless the reader is
// stopped.
func (r *reader) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.wg.Go(f)
	return true
}

// run receives until the reader is stopped, or the queue is gone.
func (r *reader) run() {
	var pause time.Duration
	var absent time.Time
	r.open()
	for r.failed() == nil && !r.isStopped() {
		n, err := r.poll(r.wait())
		switch {
		case err == nil:
			pause, absent = 0, time.Time{}
			r.callHelpers(n)
			if n == 0 && r.wait() == 0 {
				r.sleep(idlePause)
			}
			continue
		case r.ctx.Err() != nil:
			return
		case isAbsent(err) && absent.IsZero():
			absent = time.Now()
		case isAbsent(err) && time.Since(absent) > graceTime:
			r.die(fmt.Errorf("the queue was deleted: %s", plain(err)))
			return
		}
		pause = min(max(2*pause, 100*time.Millisecond), 5*time.Second)
		r.log.Warn("receive failed, trying again", "channel", r.channel.Name, "error", plain(err), "pause", pause)
		r.sleep(pause)
	}
}

// wait is how many seconds a receive waits for a message. On a queue of the
// system a receive is never cut off, for that could hide messages: it is short.
// On AWS it has to wait, for only then all of SQS's servers are asked.
func (r *reader) wait() int32 {
	switch {
	case r.own:
		return longPoll
	case r.real:
		return shortPoll
	default:
		return 0
	}
}

// callHelpers starts another receive while there is more than one can carry. A
// FIFO queue has one reader only, so that its messages stay in their order.
func (r *reader) callHelpers(received int) {
	if received < batch || r.fifo {
		return
	}
	select {
	case r.help <- struct{}{}:
	default:
		return
	}
	helping := r.spawn(func() {
		defer func() { <-r.help }()
		for r.failed() == nil && !r.isStopped() {
			if n, err := r.poll(0); err != nil || n < batch {
				return
			}
		}
	})
	if !helping {
		<-r.help
	}
}

// poll receives one batch, hands it on and deletes it. It returns how many
// messages there were.
func (r *reader) poll(wait int32) (int, error) {
	out, err := r.sqs.ReceiveMessage(r.ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    aws.String(r.url),
		MaxNumberOfMessages:         batch,
		WaitTimeSeconds:             wait,
		VisibilityTimeout:           int32(r.hold / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return 0, err
	}
	now := time.Now()
	r.checkAge(out.Messages, now)
	if len(out.Messages) > 0 {
		done := r.taken(out.Messages)
		done(r.deliver(out.Messages, now))
	}
	return len(out.Messages), nil
}

// failed is why there is no reading any more, or nil.
func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead
}

func (r *reader) isStopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// sleep waits, or until the reader is stopped.
func (r *reader) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.stop:
	}
}

// close stops reading; after it, nothing is sent. A receive from a queue of the
// system is left to end by itself, as long as ctx allows, since cutting it off
// could hide messages.
func (r *reader) close(ctx context.Context) error {
	if r.stop == nil {
		return nil // it never started
	}
	r.mu.Lock()
	if !r.stopped {
		r.stopped = true
		close(r.stop)
	}
	r.mu.Unlock()
	if r.own {
		r.cancel()
		r.wg.Wait()
		return nil
	}
	done := make(chan struct{})
	go func() {
		r.wg.Wait()
		close(done)
	}()
	defer r.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		r.cancel()
		<-done
		return fmt.Errorf("queue of channel %s: a receive was cut off, its messages come back after %s: %w", r.channel.Name, r.hold, ctx.Err())
	}
}
