package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// streamOffset is both the argument that says where to begin and the header that
// says where a message is; streamNext begins at the end.
const (
	streamOffset = "x-stream-offset"
	streamNext   = "next"
)

// errBatches ends reading one by one.
var errBatches = errors.New("reading in batches again")

// streamReader reads a stream, which takes nothing away. It knows the offset that
// comes next, so a lost connection loses nothing.
type streamReader struct {
	tap     *tap
	channel brokers.Channel
	state   state
	reached reached

	ch    *amqp091.Channel
	feed  <-chan amqp091.Delivery
	ended <-chan *amqp091.Error

	next    int64 // the offset to be sent next; -1 while it is not known
	armed   bool  // once before
	fresh   bool  // nothing has come since it was armed
	careful bool  // the library cannot decode a message that is near:
	single  bool  // messages are taken one by one,
	skipped bool  // and one has been left out
	why     error // of the last loss
	resumed bool  // an earlier tap was here
	opening []message.Event
}

func newStreamReader(tp *tap, ch brokers.Channel) *streamReader {
	return &streamReader{tap: tp, channel: ch, next: -1}
}

// arm attaches to the stream where reading goes on, and tells what cannot be
// read any more.
func (s *streamReader) arm(ctx context.Context) error {
	skip, lost := s.next, ""
	err := s.place(ctx)
	if err == nil {
		skip, lost = s.detour(ctx)
		err = s.attach(ctx, skip)
	}
	if err != nil {
		err = fmt.Errorf("channel %s: stream %s: %w", s.channel.Name, s.channel.Stream, err)
		s.state.lost(err)
		return err
	}
	if lost != "" && s.armed {
		s.tap.gap(s.channel.Name, time.Now(), lost)
	} else if lost != "" {
		s.opening = append(s.opening, message.Event{Mark: &message.Mark{Kind: message.MarkGap, Seen: time.Now(), Channel: s.channel.Name, Reason: lost}})
	}
	s.skipped = s.armed && s.single && skip > s.next
	if s.next = skip; s.next >= 0 {
		s.reached.set(s.next)
	}
	if !s.armed && s.tap.cfg.Durable {
		at := message.Nth(max(s.next, 0))
		s.opening = append(s.opening, message.Event{Mark: &message.Mark{Kind: message.MarkFence, Seen: time.Now(), Channel: s.channel.Name, ID: streamFence, Position: at}})
	}
	s.armed, s.fresh = true, true
	s.state.armed(s.channel.Stream, nil)
	return nil
}

// place finds the offset to begin with, the first time. An end is taken by its
// offset, so that a loss before the first message loses nothing.
func (s *streamReader) place(ctx context.Context) error {
	if s.armed || s.resume() {
		return nil
	}
	switch s.tap.cfg.Start.At {
	case brokers.StartOffset:
		s.next = s.tap.cfg.Start.Offset
	case brokers.StartEnd:
		end, err := s.tap.tapper.edgeOf(ctx, s.channel.Stream, "last")
		if err != nil {
			return err
		}
		if end.next > 0 {
			s.next = end.next
		}
	case brokers.StartBeginning, brokers.StartTime: // only the broker knows
	}
	return nil
}

// streamFence names the fences of a stream, whose place is an offset.
const streamFence = "stream"

// resume takes the place where an earlier tap had come to, if there was one.
func (s *streamReader) resume() bool {
	for i := range s.tap.cfg.Resume {
		m := &s.tap.cfg.Resume[i]
		if m.Channel == s.channel.Name && m.Position.Kind == message.Sequence {
			s.next, s.resumed = max(s.next, m.Position.Offset), true
		}
	}
	return s.resumed
}

// detour is where to go on after a loss, and what that leaves out. Of a message
// that cannot be decoded it is only known that it is near: the reader comes
// nearer one by one, and skips it when nothing else is left before it.
func (s *streamReader) detour(ctx context.Context) (next int64, lost string) {
	switch {
	case !s.armed && !s.resumed:
		return s.next, ""
	case s.next < 0 && s.from(s.next) != streamNext:
		return s.next, "" // from the same place
	case s.next < 0:
		return s.next, "tapped again before the first message had come, some may be missing: " + cause(s.why)
	case s.careful && s.fresh && s.single:
		return s.next + 1, fmt.Sprintf("skipped offset %d: %s", s.next, cause(s.why))
	}
	first, err := s.tap.tapper.edgeOf(ctx, s.channel.Stream, "first")
	if err == nil && first.first > s.next {
		return first.first, fmt.Sprintf("retention passed the tap: offset %d was wanted, %d is the first", s.next, first.first)
	}
	return s.next, ""
}

func (s *streamReader) attach(ctx context.Context, offset int64) error {
	conn, err := s.tap.link.connection(ctx)
	if err != nil {
		return err
	}
	defer watch(ctx, conn)()
	ch, err := conn.Channel()
	if err != nil {
		return replyError(err)
	}
	prefetch := s.tap.tapper.limits.prefetch
	if s.careful {
		prefetch = 1
	}
	s.ch, s.single = ch, s.careful
	s.ended = ch.NotifyClose(make(chan *amqp091.Error, 1))
	var deliveries <-chan amqp091.Delivery
	if err = ch.Qos(prefetch, 0, false); err == nil {
		args := amqp091.Table{streamOffset: s.from(offset)}
		deliveries, err = ch.Consume(s.channel.Stream, prefix+s.tap.tapper.address.run, false, false, false, false, args)
	}
	if err == nil && s.from(offset) == streamNext {
		// The consumer is told before it is attached; the next answer comes after.
		_, err = ch.QueueDeclarePassive(s.channel.Stream, false, false, false, false, nil)
	}
	if err != nil {
		_ = ch.Close()
		return replyError(err)
	}
	s.feed = buffered(deliveries, prefetch)
	return ctx.Err()
}

// from is the argument that says where to begin.
func (s *streamReader) from(offset int64) any {
	switch start := s.tap.cfg.Start; {
	case offset >= 0:
		return offset
	case start.At == brokers.StartBeginning:
		return "first"
	case start.At == brokers.StartTime:
		return start.Time
	}
	return streamNext
}

func (s *streamReader) read(ctx context.Context) error {
	err := s.passAll(ctx)
	_ = s.ch.Close()
	for range s.feed { // until the library has let go of it
	}
	if err == nil || ctx.Err() != nil { // the end that was asked for
		return err
	}
	s.careful, s.why = undecodable(err), err
	s.state.lost(err)
	return err
}

func (s *streamReader) passAll(ctx context.Context) error {
	if !s.tap.sendAll(s.opening) {
		return nil
	}
	s.opening = nil
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-s.feed:
			if !ok {
				return s.reason()
			}
			if err := s.pass(collect(d, s.feed, cap(s.feed))); err != nil {
				return err
			}
			if s.skipped && !s.fresh {
				return errBatches
			}
		}
	}
}

func (s *streamReader) reason() error {
	if !s.ch.IsClosed() {
		return fmt.Errorf("the stream %s was deleted, or has moved", s.channel.Stream)
	}
	if err := <-s.ended; err != nil {
		return err
	}
	return errClosed
}

// pass sends a batch and grants the broker as many more.
func (s *streamReader) pass(batch []amqp091.Delivery) error {
	seen := time.Now()
	for i := range batch {
		offset, ok := batch[i].Headers[streamOffset].(int64)
		if !ok {
			return errors.New("a message came without its offset")
		}
		if offset < s.next {
			continue // a stream is attached to by chunks
		}
		if !s.handOn(&batch[i], offset, seen) {
			return nil
		}
	}
	return s.ch.Ack(batch[len(batch)-1].DeliveryTag, true)
}

func (s *streamReader) handOn(d *amqp091.Delivery, offset int64, seen time.Time) bool {
	d.Headers = maps.Clone(d.Headers)
	delete(d.Headers, streamOffset)
	sent := s.tap.send(message.Event{Observation: &message.Observation{
		Message: decode(d), Channel: s.channel.Name, Position: message.Nth(offset), Seen: seen,
	}})
	if sent {
		s.next, s.fresh = offset+1, false
		s.reached.set(s.next)
	}
	return sent
}
