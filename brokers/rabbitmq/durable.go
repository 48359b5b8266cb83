package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// A durable tap acknowledges what its reader has on the disk, and notes in the
// same AMQP transaction, in a queue beside, the number of the message that comes
// next: its receipt. So whoever finds the queue again, after whatever moment,
// knows the number of the first message in it:
//
//	deliveries → events → fence → (kept) → receipt and acknowledgement, at once
//
// The receipt is not persistent. Where it is gone, the broker was restarted, and
// so may be messages of the same kind.

// headNext is the header of a receipt with the number that comes next; its
// message-id is the queue's generation.
const headNext = "flowcheck-next"

// fenceEvery is how long messages are handed on before a fence tells of them.
const fenceEvery = 100 * time.Millisecond

// durablePrefetch is how many times more deliveries than else may be in a durable
// tap's hands: they are acknowledged when they have reached a disk.
const durablePrefetch = 5

// busyTimeout is how long a durable queue may be in another's hands when a tap
// begins: a process that has died may hold it until the broker notices.
const busyTimeout = 45 * time.Second

// keep is a place up to which all is kept.
type keep struct {
	arming int
	tag    uint64
	next   int64
}

// keeps hands the last keep to the reader's goroutine.
type keeps struct {
	mu   sync.Mutex
	last keep
	poke chan struct{}
}

func newKeeps() *keeps { return &keeps{poke: make(chan struct{}, 1)} }

func (k *keeps) put(to keep) {
	k.mu.Lock()
	if to.arming > k.last.arming || to.arming == k.last.arming && to.tag > k.last.tag {
		k.last = to
	}
	k.mu.Unlock()
	select {
	case k.poke <- struct{}{}:
	default:
	}
}

func (k *keeps) get() keep {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// place is the queue of the receipt.
func (q *queueReader) place() string { return q.queue + "-place" }

func (q *queueReader) durable() bool { return q.tap.cfg.Durable }

func (q *queueReader) prefetch() int {
	if q.durable() {
		return durablePrefetch * q.tap.tapper.limits.prefetch
	}
	return q.tap.tapper.limits.prefetch
}

// names are the queues of the reader.
func (q *queueReader) names() []string {
	if q.durable() {
		return []string{q.queue, q.box(), q.place()}
	}
	return []string{q.queue, q.box()}
}

// resume reads where an earlier tap had come to.
func (q *queueReader) resume() {
	for i := range q.tap.cfg.Resume {
		m := &q.tap.cfg.Resume[i]
		if m.Channel != q.name() {
			continue
		}
		if m.ID != "" {
			q.known = append(q.known, m.ID)
			q.last = m.Seen
		}
		if m.Position.Kind == message.Sequence {
			q.sent = m.Position.Offset - 1
		}
	}
	if len(q.known) > 0 {
		q.resumed, q.why = true, errors.New("flowcheck was not running")
	}
}

// find looks for a durable queue again. One that cannot be gone on with is
// deleted, and its successor is another generation.
func (q *queueReader) find(ctx context.Context) error {
	if !q.noted {
		q.noted = true
		q.tap.create(created{exchange: q.queue, queues: q.names()})
		q.resume()
	}
	q.count, q.unsure, q.found = q.sent, false, false
	if len(q.known) == 0 || q.spoilt {
		return q.renew()
	}
	kept, err := there(q.conn, q.names()...)
	if err != nil {
		return err
	}
	if !kept {
		return q.renew()
	}
	q.anew, q.found = q.anew || q.unbound(ctx, q.queue, q.target.bindings) != nil, true
	return nil
}

// renew begins another generation of the queue.
func (q *queueReader) renew() error {
	q.anew, q.unsure, q.generation = true, false, token()
	q.count = q.sent
	return q.clear()
}

// errOther says that what was found cannot be gone on with.
var errOther = errors.New("another generation of the queue is needed")

// takeUp reads the receipt, and so the number of the first message in the queue.
// The reader consumes it already: who had it before writes no receipt any more.
func (q *queueReader) takeUp(ctx context.Context) error {
	if !q.found {
		return nil
	}
	ch, err := q.conn.Channel()
	if err != nil {
		return replyError(err)
	}
	defer ch.Close()
	d, ok, err := q.receipt(ctx, ch)
	if err != nil {
		return fmt.Errorf("queue %s: %w", q.place(), replyError(err))
	}
	next, isNumber := d.Headers[headNext].(int64)
	switch {
	case !ok:
		q.why = fmt.Errorf("the broker was restarted, and may have lost what is not persistent: %s", cause(q.why))
		q.spoilt = true
		return errOther
	case !isNumber || !knows(q.known, d.MessageId):
		q.why = errors.New("the tap's queue is not the one that was left")
		q.spoilt = true
		return errOther
	}
	box, err := ch.QueueDeclarePassive(q.box(), false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("queue %s: %w", q.box(), replyError(err))
	}
	q.generation, q.count = d.MessageId, next-1
	if box.Messages > 0 { // what is gone had no number: nor does what is left
		q.unsure, q.count = true, max(q.sent, next-1)
	}
	if next-1 > q.sent {
		q.anew, q.sent = true, next-1
		q.why = errors.New("the broker was told to forget more than the journal has")
	}
	return nil
}

// receiptTimeout is how long a receipt may be away: a process that died while it
// read it has it until the broker notices.
const receiptTimeout = 3 * time.Second

// receipt reads the receipt, and puts it back.
func (q *queueReader) receipt(ctx context.Context, ch *amqp091.Channel) (d amqp091.Delivery, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, receiptTimeout)
	defer cancel()
	tick := time.NewTicker(firstPause)
	defer tick.Stop()
	for {
		d, ok, err = ch.Get(q.place(), false)
		if err != nil {
			return d, false, err
		}
		if ok {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return d, false, nil
		}
	}
	if err = d.Reject(true); err == nil { // which has been done when the next is answered
		_, err = ch.QueueDeclarePassive(q.place(), false, false, false, false, nil)
	}
	return d, true, err
}

func knows(ids []string, id string) bool {
	for _, known := range ids {
		if known == id {
			return true
		}
	}
	return false
}

// declarePlace makes the receipt's queue, and writes the first receipt.
func (q *queueReader) declarePlace() error {
	if _, err := q.ch.QueueDeclare(q.place(), true, false, false, false, q.boxArguments()); err != nil {
		return fmt.Errorf("declare queue %s: %w", q.place(), needing(ownPermission, err))
	}
	if err := q.ch.QueueBind(q.place(), q.place(), q.queue, false, nil); err != nil {
		return fmt.Errorf("bind queue %s to exchange %s: %w", q.place(), q.queue, needing(ownPermission, err))
	}
	if err := q.ch.Tx(); err != nil {
		return replyError(err)
	}
	if q.found {
		return nil
	}
	q.known = append(q.known, q.generation)
	q.opening = append(q.opening, message.Event{Mark: &message.Mark{
		Kind: message.MarkFence, Seen: time.Now(), Channel: q.name(), ID: q.generation, Position: message.Nth(q.count + 1),
	}})
	return q.write(q.count+1, 0)
}

// write has the broker note what comes next, and forget what is kept. It takes
// both or neither.
func (q *queueReader) write(next int64, tag uint64) error {
	receipt := amqp091.Publishing{MessageId: q.generation, Headers: amqp091.Table{headNext: next}, DeliveryMode: amqp091.Transient}
	err := q.ch.Publish(q.queue, q.place(), false, false, receipt)
	if err == nil && tag > 0 {
		err = q.ch.Ack(tag, true)
	}
	if err == nil {
		err = q.ch.TxCommit()
	}
	if err != nil {
		return q.because(err)
	}
	return nil
}

// commit lets the broker forget what is kept by now.
func (q *queueReader) commit() error {
	k := q.keeps.get()
	if k.arming != q.armings || k.tag <= q.acked {
		return nil
	}
	q.acked = k.tag
	return q.write(k.next, k.tag)
}

// fence tells how far the reader is, if it has come on since the last time.
func (q *queueReader) fence(now time.Time) bool {
	if q.tag <= q.fenced {
		return true
	}
	k := keep{arming: q.armings, tag: q.tag, next: q.count + 1}
	q.fenced, q.fencedAt = q.tag, now
	return q.tap.send(message.Event{Mark: &message.Mark{
		Kind: message.MarkFence, Seen: now, Channel: q.name(), ID: q.generation, Position: message.Nth(k.next),
		Kept: func() { q.keeps.put(k) },
	}})
}

// fenceDue tells whether it is time for a fence.
func (q *queueReader) fenceDue(now time.Time) bool {
	return q.durable() && (q.tag-q.fenced >= uint64(q.prefetch()/4) || now.Sub(q.fencedAt) >= fenceEvery)
}

// again tells whether a delivery was handed on before, or may have been where
// that cannot be known: then a gap follows.
func (q *queueReader) again(d *amqp091.Delivery, seen time.Time) bool {
	if q.unsure {
		if d.Redelivered {
			return true
		}
		q.unsure = false
		q.tap.gap(q.name(), seen, "the tap's queue was full while nobody read it: some of what it had may be missing")
	}
	q.count++
	if q.count <= q.sent {
		return true
	}
	q.sent = q.count
	return false
}

// busy tells whether another consumer still has the queue.
func busy(err error) bool {
	return errors.Is(err, brokers.ErrRefused) && strings.Contains(err.Error(), "exclusive use")
}

// awaitFree arms, again and again while another has a durable queue.
func (q *queueReader) awaitFree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	for {
		err := q.setUp(ctx)
		if errors.Is(err, errOther) {
			err = q.setUp(ctx)
		}
		if !busy(err) || !q.durable() {
			return err
		}
		timer := time.NewTimer(firstPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w; another flowcheck reads it", err)
		}
	}
}
