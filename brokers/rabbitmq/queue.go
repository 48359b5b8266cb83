package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// errUnbound: the tap's bindings are not what they should be.
var errUnbound = errors.New("bindings changed")

// boxEvery is how often the drop box is asked while nothing is delivered.
const boxEvery = 5 * time.Second

// queueReader reads a queue of the tap's own. It keeps the proof that nothing
// was lost with each batch:
//
//	deliveries → batch → acknowledge → ask the drop box → send
//
// RabbitMQ puts what the queue drops into the drop box before it delivers what
// came after, and answers the question after both. So a loss is told before the
// first message behind it. Acknowledging first means that a connection that
// breaks later brings no message twice.
type queueReader struct {
	tap     *tap
	channel brokers.Channel
	traces  bool   // it reads the firehose
	target  target // of the last arming
	state   state
	echoes  echoes
	cut     chan unbound // why the reader has to be armed again

	queue string // also the name of the exchange for markers and drops
	conn  *amqp091.Connection
	ch    *amqp091.Channel
	feed  <-chan amqp091.Delivery
	ended <-chan *amqp091.Error

	count   int64 // messages that came: the position of the last one
	armings int
	last    time.Time // when the last word of the broker was heard
	anew    bool      // since it was last armed, the queue or a binding was not there
	doubt   bool      // a batch was acknowledged, but the answer did not come
	spoilt  bool      // a durable queue must not be read on: it holds what cannot be decoded, or is bound wrongly
	why     error     // of the last loss
	suspect int       // so many messages may still have a loss before them
	dropped string    // why

	// Of a durable tap, see durable.go.
	sent       int64 // the last number that was handed on
	noted      bool  // what an earlier tap has told is read
	resumed    bool  // there was an earlier tap
	known      []string
	generation string
	found      bool            // the queue was there
	wasOff     bool            // the firehose had been switched off
	unsure     bool            // what has been delivered before cannot be numbered
	opening    []message.Event // to be sent before anything else
	keeps      *keeps
	tag        uint64 // the last delivery that was handed on, those of the last fence and the last commit
	fenced     uint64
	acked      uint64
	fencedAt   time.Time
}

func newQueueReader(tp *tap, tg target) *queueReader {
	return &queueReader{tap: tp, channel: tg.channel, traces: tg.trace != nil, target: tg, cut: make(chan unbound), keeps: newKeeps()}
}

func (q *queueReader) name() string { return q.channel.Name }

func (q *queueReader) box() string { return q.queue + "-drops" }

// arm declares, binds and consumes. After a loss it tells the gap, before
// anything that comes after it.
func (q *queueReader) arm(ctx context.Context) error {
	if err := q.awaitFree(ctx); err != nil {
		q.state.lost(err)
		return err
	}
	now := time.Now()
	if (q.armings > 0 || q.resumed) && (q.anew || q.doubt || q.wasOff && q.resumed) {
		q.openWithGap(now, fmt.Sprintf("tapped again (%s): what had not been read at %s, and what came until %s, may be missing",
			cause(q.why), q.last.UTC().Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano)))
	}
	q.armings++
	if q.anew {
		q.suspect = 0
	}
	q.last, q.anew, q.doubt, q.spoilt, q.wasOff = now, false, false, false, false
	q.tag, q.fenced, q.acked = 0, 0, 0
	q.state.armed(q.queue, q.target.bindings)
	return nil
}

// openWithGap has a gap be sent before anything else.
func (q *queueReader) openWithGap(now time.Time, reason string) {
	q.tap.log.Warn("gap", "broker", q.tap.tapper.address.broker, "channel", q.name(), "reason", reason)
	gap := message.Event{Mark: &message.Mark{Kind: message.MarkGap, Seen: now, Channel: q.name(), Reason: reason}}
	q.opening = append([]message.Event{gap}, q.opening...)
}

// setUp makes the queue, or finds the durable one again.
func (q *queueReader) setUp(ctx context.Context) error {
	conn, err := q.tap.link.connection(ctx)
	if err != nil {
		return err
	}
	defer watch(ctx, conn)()
	if q.armings > 0 && q.channel.Queue != "" {
		if q.target, err = q.tap.tapper.resolve(ctx, q.channel); err != nil {
			return err
		}
	}
	if q.traces {
		wasOff, err := q.tap.trace(ctx)
		if err != nil {
			return fmt.Errorf("channel %s: %w", q.name(), err)
		}
		q.wasOff = q.wasOff || wasOff
	}
	ch, err := conn.Channel()
	if err != nil {
		return replyError(err)
	}
	again := conn == q.conn
	q.conn, q.ch = conn, ch
	if err = q.declare(ctx, again); err == nil {
		err = q.bind(ctx)
	}
	if err == nil {
		err = q.consume(ctx)
	}
	if err == nil && q.durable() {
		err = q.takeUp(ctx)
	}
	if err != nil {
		_ = ch.Close()
		return fmt.Errorf("channel %s: %w", q.name(), err)
	}
	return nil
}

// consume starts the deliveries. They wait in a buffer as long as the prefetch,
// so that a batch is all that has come.
func (q *queueReader) consume(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	size := q.prefetch()
	if err := q.ch.Qos(size, 0, false); err != nil {
		return replyError(err)
	}
	q.ended = q.ch.NotifyClose(make(chan *amqp091.Error, 1))
	deliveries, err := q.ch.Consume(q.queue, q.queue, false, true, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume queue %s: %w", q.queue, replyError(err))
	}
	q.feed = buffered(deliveries, size)
	return nil
}

// buffered passes deliveries on. No more than size are unacknowledged, so it
// never blocks for long.
func buffered(deliveries <-chan amqp091.Delivery, size int) <-chan amqp091.Delivery {
	feed := make(chan amqp091.Delivery, size)
	go func() {
		defer close(feed)
		for d := range deliveries {
			feed <- d
		}
	}()
	return feed
}

// read passes batches on until the tap ends or the broker is lost.
func (q *queueReader) read(ctx context.Context) error {
	err := q.passAll(ctx)
	_ = q.ch.Close()
	for range q.feed { // until the library has let go of it
	}
	if err == nil || ctx.Err() != nil { // the end that was asked for
		return err
	}
	q.spoilt, q.why = undecodable(err) || errors.Is(err, errUnbound), err
	q.state.lost(err)
	if !q.tap.cfg.Durable {
		q.tap.gap(q.name(), time.Now(), "the tap was cut off: "+cause(err))
	}
	return err
}

func (q *queueReader) passAll(ctx context.Context) error {
	if !q.tap.sendAll(q.opening) {
		return nil
	}
	q.opening = nil
	tick := time.NewTicker(boxEvery)
	defer tick.Stop()
	fences := time.NewTicker(fenceEvery)
	defer fences.Stop()
	for {
		var batch []amqp091.Delivery
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-q.feed:
			if !ok {
				return q.reason()
			}
			batch = collect(d, q.feed, cap(q.feed))
		case u := <-q.cut:
			if u.queue == q.queue { // not the one before
				return fmt.Errorf("%w: %w", errUnbound, u.why)
			}
		case <-q.keeps.poke:
			if err := q.commit(); err != nil {
				return err
			}
			continue
		case now := <-fences.C:
			if q.durable() && !q.fence(now) {
				return nil
			}
			continue
		case <-tick.C:
		}
		if err := q.pass(batch); err != nil {
			return err
		}
	}
}

// collect takes what has come already.
func collect(first amqp091.Delivery, feed <-chan amqp091.Delivery, limit int) []amqp091.Delivery {
	batch := []amqp091.Delivery{first}
	for len(batch) < limit {
		select {
		case d, ok := <-feed:
			if !ok {
				return batch
			}
			batch = append(batch, d)
		default:
			return batch
		}
	}
	return batch
}

// pass hands a batch on, after a gap mark if something may have been lost before
// its last message. All have the same time of arrival, and so has the mark.
//
// What was dropped came after everything that had been delivered by then, which
// may still be on its way: up to a prefetch of messages. So the batches with
// those, and with the first one behind, have a mark, too.
func (q *queueReader) pass(batch []amqp091.Delivery) error {
	seen := time.Now()
	if len(batch) > 0 && !q.durable() {
		q.doubt = true
		if err := q.ch.Ack(batch[len(batch)-1].DeliveryTag, true); err != nil {
			return q.because(err)
		}
	}
	dropped, ok, err := q.ch.Get(q.box(), !q.durable())
	if err != nil {
		return q.because(err)
	}
	q.doubt, q.last = false, seen
	if ok {
		q.dropped = dropReason(&dropped)
	}
	if ok || q.suspect > 0 {
		q.tap.gap(q.name(), seen, q.dropped)
	}
	switch {
	case ok:
		q.suspect = q.prefetch() + 1
	case len(batch) == 0:
		q.suspect = 0 // nothing was on its way any more
	default:
		q.suspect -= len(batch)
	}
	for i := range batch {
		if !q.handOn(&batch[i], seen) {
			return nil
		}
	}
	if ok { // its gap has been sent: the fence covers it, too
		q.tag = max(q.tag, dropped.DeliveryTag)
	}
	if q.fenceDue(seen) {
		q.fence(seen)
	}
	return nil
}

// handOn sends one message; a marker ends the CatchUp that waits for it.
func (q *queueReader) handOn(d *amqp091.Delivery, seen time.Time) bool {
	defer func(tag uint64) { q.tag = max(q.tag, tag) }(d.DeliveryTag)
	if d.Exchange == q.queue {
		q.echoes.came(d.MessageId)
		return true
	}
	if q.traces {
		original, wanted := q.target.trace.untrace(d)
		if !wanted {
			return true
		}
		d = &original
	}
	if q.again(d, seen) {
		return true
	}
	q.tap.tapper.active(q.name(), seen)
	return q.tap.send(message.Event{Observation: &message.Observation{
		Message: decode(d), Channel: q.name(), Position: message.Nth(q.count), Seen: seen,
	}})
}

// dropReason says why messages were dropped, by the death of the last one.
func dropReason(d *amqp091.Delivery) string {
	why := ""
	if deaths, _ := d.Headers["x-death"].([]any); len(deaths) > 0 {
		death, _ := deaths[0].(amqp091.Table)
		why = text(death["reason"])
	}
	switch why {
	case "maxlen":
		return "the tap's queue was full and dropped messages: they came faster than they were read"
	case "expired":
		return "messages expired in the tap's queue before they were read"
	}
	return "the tap's queue dropped messages"
}

// because prefers the broker's reason for ending the AMQP channel to what a call
// says of it.
func (q *queueReader) because(err error) error {
	if !q.ch.IsClosed() {
		return err
	}
	return errors.Join(q.reason(), err)
}

// reason waits for why the deliveries ended: the AMQP channel did, or the queue
// was deleted.
func (q *queueReader) reason() error {
	if !q.ch.IsClosed() {
		return fmt.Errorf("the tap's queue %s was deleted", q.queue)
	}
	if err := <-q.ended; err != nil {
		return err
	}
	return errClosed
}

// cleanName makes a part of a name that is safe in permissions and patterns; two
// names that come out alike are told apart.
func cleanName(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, name)
	if clean != name || len(clean) > 80 {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(name)) // it never fails
		clean = fmt.Sprintf("%s-%08x", clean[:min(len(clean), 80)], sum.Sum32())
	}
	return clean
}
