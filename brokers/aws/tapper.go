package aws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// cleanupTimeout bounds the removal of what a tap created, where the caller's
// context has ended or there is none.
const cleanupTimeout = 15 * time.Second

// tapper arms taps in one region.
type tapper struct {
	*session

	mu     sync.Mutex
	taps   map[*tap]bool
	swept  bool
	closed bool
}

func openTapper(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
	s, err := connect(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	return &tapper{session: s, taps: map[*tap]bool{}}, nil
}

// source is what a channel is on AWS.
type source struct {
	channel brokers.Channel
	topic   arn.ARN           // where the channel is a topic
	filter  map[string]string // of the subscription that the channel is about
	queue   queueRef          // where the channel is a queue
	url     string
}

// fifo tells whether the source keeps the order of each group.
func (s source) fifo() bool { return isFIFO(s.topic.Resource) || isFIFO(s.queue.name) }

// source looks up what a channel is, and whether it may be tapped.
func (t *tapper) source(ctx context.Context, ch brokers.Channel) (source, error) {
	if err := check(ch); err != nil {
		return source{}, err
	}
	src := source{channel: ch}
	var err error
	if ch.SQS != "" {
		if src.queue, err = parseQueue(ch.SQS); err != nil {
			return source{}, err
		}
	}
	switch {
	case ch.SNS != "":
		if src.topic, err = t.topicARN(ctx, ch.SNS); err == nil {
			err = t.topicExists(ctx, src.topic)
		}
		if err == nil && ch.SQS != "" {
			src.filter, err = t.filterOf(ctx, src.topic, src.queue)
		}
	case !ch.Intrusive:
		err = fmt.Errorf("queue %s %w: SQS cannot look without taking: a receive hides the message from its consumers and counts "+
			"towards its dead-letter queue. Tap the SNS topic in front of it (sns: beside sqs:), or judge by what follows; "+
			"for a dead-letter queue or a queue of your own say intrusive: true, and its messages are consumed",
			src.queue.name, brokers.ErrNotTappable)
	default:
		if src.url, err = t.queueURL(ctx, src.queue); err == nil {
			_, _, err = count(ctx, t.sqs, src.url)
			if err != nil {
				err = failure(ctx, "queue "+src.queue.name+" (sqs:GetQueueAttributes)", err)
			}
		}
	}
	return src, err
}

// Tap implements brokers.Tapper.
func (t *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	sources, err := t.sources(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t.sweepOnce(ctx)
	made := newTap(t, cfg)
	for _, src := range sources {
		if err := made.arm(ctx, src); err != nil {
			return nil, errors.Join(fmt.Errorf("tap %s: %w", src.channel.Name, err), made.undo(ctx))
		}
	}
	if err := t.keep(made); err != nil {
		return nil, errors.Join(err, made.undo(ctx))
	}
	made.start()
	return made, nil
}

// sources looks up all channels before anything is created.
func (t *tapper) sources(ctx context.Context, cfg brokers.TapConfig) ([]source, error) {
	if cfg.Events == nil {
		return nil, errors.New("tap: there is nowhere to send what is seen: Events is nil")
	}
	if t.isClosed() {
		return nil, errClosed
	}
	var all []source
	queues := map[string]string{}
	for _, ch := range cfg.Channels {
		src, err := t.source(ctx, ch)
		if err == nil {
			err = checkStart(cfg.Start, src)
		}
		if err != nil {
			return nil, fmt.Errorf("tap %s: %w", ch.Name, err)
		}
		if src.url != "" && queues[src.url] != "" {
			return nil, fmt.Errorf("tap %s: channel %s consumes queue %s already: one of them would take the other's messages",
				ch.Name, queues[src.url], src.queue.name)
		}
		queues[src.url] = ch.Name
		all = append(all, src)
	}
	return all, nil
}

// checkStart refuses the starts that AWS does not have: a topic keeps nothing,
// and a queue has no places to start from, only what is in it.
func checkStart(s brokers.Start, src source) error {
	switch {
	case s.At == brokers.StartEnd:
		return nil
	case s.At == brokers.StartBeginning && src.url != "":
		return nil
	case src.url != "":
		return fmt.Errorf("a queue has no offsets and no times to start at: all that is in it is read")
	default:
		return fmt.Errorf("an SNS topic keeps nothing: a tap sees what is published from now on, it cannot start at the %s", s.At)
	}
}

// keep notes a tap, to be closed with the tapper.
func (t *tapper) keep(made *tap) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.taps[made] = true
	return nil
}

var errClosed = errors.New("tap: the connection is closed")

func (t *tapper) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// forget is the opposite of keep.
func (t *tapper) forget(made *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taps, made)
}

// Close implements brokers.Tapper.
func (t *tapper) Close() error {
	t.mu.Lock()
	t.closed = true
	var open []*tap
	for made := range t.taps {
		open = append(open, made)
	}
	t.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	var errs []error
	for _, made := range open {
		errs = append(errs, made.Close(ctx))
	}
	t.disconnect()
	return errors.Join(errs...)
}

// Identify implements brokers.Identifier: account/region. An emulator that has
// no accounts is known by its address.
func (t *tapper) Identify(ctx context.Context) (message.BrokerIdentity, error) {
	me, err := t.caller(ctx)
	switch {
	case err == nil:
		return message.BrokerIdentity{Kind: kind, ID: me.AccountID + "/" + t.region}, nil
	case t.real || ctx.Err() != nil:
		return message.BrokerIdentity{}, fmt.Errorf("identify %s: %w", t.cfg.Name, err)
	default:
		return message.BrokerIdentity{Kind: kind, ID: t.cfg.Endpoint + "/" + t.region}, nil
	}
}
