package rabbitmq

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func (s *site) stream() brokers.Channel {
	s.Helper()
	return brokers.Channel{Name: "log", Stream: s.queue(amqp091.Table{"x-queue-type": "stream"})}
}

// TestStreamGoesOnAfterALoss: nothing is lost, nothing comes twice.
func TestStreamGoesOnAfterALoss(t *testing.T) {
	s := newSite(t)
	ch := s.stream()
	p := s.publisher()
	s.publish(p, ch, numbers(0, 10)...)
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	proxy.Stop() // before the first message
	s.publish(p, ch, numbers(10, 300)...)
	s.must(proxy.Start())
	for i := 10; i < 310; i++ {
		if i == 200 {
			proxy.Stop()
			s.must(proxy.Start())
		}
		if o := w.message(); string(o.Payload) != numbers(i, 1)[0] || o.Position != message.Nth(int64(i)) {
			t.Fatalf("number %d came as %s %q", i, o.Position, o.Payload)
		}
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// TestEmptyStreamCutOffIsAGap: AMQP tells no offset of an empty stream.
func TestEmptyStreamCutOffIsAGap(t *testing.T) {
	s := newSite(t)
	ch := s.stream()
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}})
	proxy.Stop()
	s.must(proxy.Start())
	if m := w.gap(); !strings.Contains(m.Reason, "before the first message had come") {
		t.Fatalf("the gap says %q", m.Reason)
	}
	s.publish(s.publisher(), ch, "1")
	if o := w.message(); string(o.Payload) != "1" || o.Position != message.Nth(0) {
		t.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

func TestStreamHeadersAndProperties(t *testing.T) {
	s := newSite(t)
	ch := s.stream()
	w := s.tapChannels(ch)
	s.send("", ch.Stream, amqp091.Publishing{Headers: amqp091.Table{"n": int64(1)}, MessageId: "m", Body: []byte("{}")})
	o := w.message()
	if len(o.Headers) != 1 || o.Headers[0] != (message.Header{Name: "n", Value: int64(1)}) {
		t.Fatalf("headers %+v", o.Headers)
	}
	if o.Properties["message-id"] != "m" || o.Properties["routing-key"] != ch.Stream {
		t.Fatalf("properties %+v", o.Properties)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestStreamStartsAtTime: whole seconds, and the chunk in which the time lies.
func TestStreamStartsAtTime(t *testing.T) {
	s := newSite(t)
	ch := s.stream()
	p := s.publisher()
	s.publish(p, ch, "old")
	<-time.After(2100 * time.Millisecond)
	at := time.Now()
	s.publish(p, ch, "new")
	tp := s.open(s.config())
	start := brokers.Start{At: brokers.StartTime, Time: at}
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}, Start: start})
	if o := w.message(); string(o.Payload) != "new" || o.Position != message.Nth(1) {
		t.Fatalf("came %+v", o)
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
	start.Time = at.Add(time.Hour)
	w = s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}, Start: start})
	w.nothing() // nothing to wait for
	s.must(w.tap.Close(s.ctx()))
}

// TestStreamSkipsWhatCannotBeDecoded and goes on in batches.
func TestStreamSkipsWhatCannotBeDecoded(t *testing.T) {
	s := newSite(t)
	ch := s.stream()
	p := s.publisher()
	s.publish(p, ch, numbers(0, 5)...)
	poison := message.Message{Payload: []byte("poison")}
	for _, name := range numbers(0, 9000) {
		poison.Headers = append(poison.Headers, message.Header{Name: name})
	}
	_, err := p.Publish(s.ctx(), ch, brokers.Outgoing{Message: poison})
	s.must(err)
	s.publish(p, ch, numbers(6, 5)...)
	tp := s.open(s.config())
	w := s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{ch}, Start: brokers.Start{At: brokers.StartBeginning}})
	for i := range 11 {
		if i == 5 {
			if m := w.gap(); !strings.Contains(m.Reason, "skipped offset 5") || !strings.Contains(m.Reason, "cannot decode") {
				t.Fatalf("the gap says %q", m.Reason)
			}
			continue
		}
		if o := w.message(); o.Position != message.Nth(int64(i)) {
			t.Fatalf("offset %d came as %s %q", i, o.Position, o.Payload)
		}
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// TestStreamRetentionIsAGap: what was deleted while the tap was cut off.
func TestStreamRetentionIsAGap(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "log", Stream: s.queue(amqp091.Table{
		"x-queue-type": "stream", "x-max-length-bytes": int64(2_000_000), "x-stream-max-segment-size-bytes": int64(1_000_000),
	})}
	p := s.publisher()
	s.publish(p, ch, "0")
	cfg, proxy := s.proxied("")
	w := s.arm(s.open(cfg), brokers.TapConfig{Channels: []brokers.Channel{ch}, Start: brokers.Start{At: brokers.StartBeginning}})
	w.message()
	proxy.Stop()
	body := strings.Repeat("x", 100_000)
	for range 60 {
		s.publish(p, ch, body)
	}
	direct := s.open(s.config())
	eventually(t, "the stream is cut", func() string {
		e, err := direct.edgeOf(s.ctx(), ch.Stream, "first")
		s.must(err)
		if e.first < 10 {
			return fmt.Sprint(e)
		}
		return ""
	})
	s.must(proxy.Start())
	m := w.gap()
	if !strings.Contains(m.Reason, "retention passed the tap: offset 1 was wanted") {
		t.Fatalf("the gap says %q", m.Reason)
	}
	if o := w.message(); o.Position.Offset < 10 {
		t.Fatalf("came %s", o.Position)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestQueueIsNoStream: consuming a queue as if it were a stream would empty it.
func TestQueueIsNoStream(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "log", Stream: s.queue(nil)}
	s.publish(s.publisher(), brokers.Channel{Queue: ch.Stream}, "1")
	tp := s.open(s.config())
	if _, err := tp.Tap(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)}); err == nil || !strings.Contains(err.Error(), "cannot be tapped") {
		t.Fatalf("Tap says %v", err)
	}
	if n := s.ready(ch.Stream); n != 1 {
		t.Fatalf("%d messages are left of 1", n)
	}
}
