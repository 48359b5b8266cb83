package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

func body(text string) brokers.Outgoing {
	return brokers.Outgoing{Message: message.Message{Payload: []byte(text)}}
}

func TestPublishGoesToTheKey(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	ch.RoutingKeys = []string{"first", "second"}
	queue := s.bound(ch.Exchange, "#", nil)
	p := s.publisher()
	m := body("1")
	s.publish(p, ch, "0")
	m.Properties = map[string]any{"routing-key": "own", "exchange": "elsewhere"}
	_, err := p.Publish(s.ctx(), ch, m)
	s.must(err)
	for _, want := range []string{"first", "own"} {
		d, ok, err := s.ch.Get(queue, true)
		s.must(err)
		if !ok || d.RoutingKey != want || d.DeliveryMode != amqp091.Persistent {
			t.Fatalf("want the key %s and persistent, came %q %d", want, d.RoutingKey, d.DeliveryMode)
		}
	}
}

// TestUnroutableAmongOthers: who hears of a return is the one whose message it
// was, though many are on their way.
func TestUnroutableAmongOthers(t *testing.T) {
	s := newSite(t)
	direct := s.exchange("direct")
	s.bound(direct, "good", nil)
	p := s.publisher()
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() {
			key := "good"
			if i%3 == 0 {
				key = "bad"
			}
			m := body(fmt.Sprint(i / 6)) // some are equal but for the key
			m.Headers = []message.Header{{Name: "at", Value: time.Now()}, {Name: "list", Value: []any{int64(1), "a"}}}
			_, err := p.Publish(s.ctx(), brokers.Channel{Exchange: direct, RoutingKeys: []string{key}}, m)
			switch {
			case key == "good" && err != nil:
				t.Errorf("%d: %v", i, err)
			case key == "bad" && (!errors.Is(err, brokers.ErrUnroutable) || !strings.Contains(err.Error(), direct) || !strings.Contains(err.Error(), `"bad"`)):
				t.Errorf("%d: unroutable, but: %v", i, err)
			}
		})
	}
	all.Wait()
}

func TestPublishToAnAbsentQueue(t *testing.T) {
	s := newSite(t)
	for _, ch := range []brokers.Channel{{Name: "tasks", Queue: "nowhere"}, {Name: "log", Stream: "nowhere"}} {
		_, err := s.publisher().Publish(s.ctx(), ch, body("1"))
		if !errors.Is(err, brokers.ErrAbsent) || !errors.Is(err, brokers.ErrUnroutable) || !strings.Contains(err.Error(), "nowhere") {
			t.Fatalf("Publish says %v", err)
		}
	}
}

// TestAbsentExchangeHurtsNobodyElse: neither one that never was, nor one that is
// deleted while many publish.
func TestAbsentExchangeHurtsNobodyElse(t *testing.T) {
	s := newSite(t)
	ch, doomed := s.orders(), s.orders()
	p := s.publisher()
	s.publish(p, doomed, "1")
	s.must(s.ch.ExchangeDelete(doomed.Exchange, false, false))
	for range 2 {
		_, err := p.Publish(s.ctx(), doomed, body("2"))
		if !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), doomed.Exchange) {
			t.Fatalf("Publish says %v", err)
		}
	}
	s.publish(p, ch, "3")
}

// TestFullQueueIsNoAcceptance: a nack is an error.
func TestFullQueueIsNoAcceptance(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(amqp091.Table{"x-max-length": int64(1), "x-overflow": "reject-publish"})}
	p := s.publisher()
	s.publish(p, ch, "1")
	if _, err := p.Publish(s.ctx(), ch, body("2")); err == nil || !strings.Contains(err.Error(), "basic.nack") {
		t.Fatalf("Publish says %v", err)
	}
}

// TestLostConfirm: the message may be there, and the error says so; the next
// Publish connects again.
func TestLostConfirm(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	cfg, proxy := s.proxied("")
	opened, err := openPublisher(s.ctx(), cfg)
	s.must(err)
	t.Cleanup(func() { s.must(opened.Close()) })
	s.publish(opened, ch, "1")
	w := s.tapChannels(ch)
	s.toxic(proxy, `{"name":"hole","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
	ctx, cancel := context.WithTimeout(s.ctx(), 200*time.Millisecond)
	defer cancel()
	_, err = opened.Publish(ctx, ch, body("2"))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may or may not") {
		t.Fatalf("Publish without a confirm says %v", err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := opened.Publish(s.ctx(), ch, body("3"))
		failed <- err
	}()
	for range 2 { // the tap sees that both have come
		w.message()
	}
	proxy.Stop()
	if err := <-failed; !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "may or may not") {
		t.Fatalf("Publish on a lost connection says %v", err)
	}
	if _, err = opened.Publish(s.ctx(), ch, body("4")); !errors.Is(err, brokers.ErrUnreachable) {
		t.Fatalf("Publish without a broker says %v", err)
	}
	s.must(proxy.Start())
	s.must(proxy.Toxics.RemoveToxic(s.ctx(), "hole"))
	s.publish(opened, ch, "5")
	if o := w.message(); string(o.Payload) != "5" {
		t.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestPublishAfterAnUnnoticedLoss connects anew: nothing had been written.
func TestPublishAfterAnUnnoticedLoss(t *testing.T) {
	s := newSite(t)
	cfg, proxy := s.proxied("")
	p, err := openPublisher(s.ctx(), cfg)
	s.must(err)
	t.Cleanup(func() { s.must(p.Close()) })
	for range 20 {
		ch := s.orders() // the publisher has to ask for its exchange first
		proxy.Stop()
		s.must(proxy.Start())
		s.publish(p, ch, "1")
	}
}

func TestPublishRefusesWhatCannotBeSent(t *testing.T) {
	s := newSite(t)
	ch := s.orders()
	p := s.publisher()
	partition := int32(1)
	long := strings.Repeat("x", 256)
	for name, m := range map[string]brokers.Outgoing{
		"partition":   {Partition: &partition},
		"twice":       {Message: message.Message{Headers: []message.Header{{Name: "a"}, {Name: "a"}}}},
		"unknown":     {Message: message.Message{Properties: map[string]any{"message_id": "x"}}},
		"255":         {Message: message.Message{Properties: map[string]any{"priority": int64(256)}}},
		"256 bytes":   {Message: message.Message{Properties: map[string]any{"message-id": long}}},
		"has 256":     {Message: message.Message{Headers: []message.Header{{Name: long}}}},
		"routing-key": {Message: message.Message{Properties: map[string]any{"routing-key": long}}},
		"in a frame":  {Message: message.Message{Headers: []message.Header{{Name: "a", Value: strings.Repeat(long, 600)}}}},
		"millisec":    {Message: message.Message{Properties: map[string]any{"expiration": "1s"}}},
		"user_id":     {Message: message.Message{Properties: map[string]any{"user-id": "somebody"}}},
	} {
		_, err := p.Publish(s.ctx(), ch, m)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Publish says %v", name, err)
		}
	}
	s.publish(p, ch, "still works")
}

// TestTooLargeAmongOthers needs a broker with a low limit.
func TestTooLargeAmongOthers(t *testing.T) {
	t.Setenv("RABBITMQ_SERVER_START_ARGS", "-rabbit max_message_size 100000")
	own := testbroker.OwnRabbitMQ(t)
	s := newSiteAt(t, own.URL, own.Management)
	ch := s.orders()
	p := s.publisher()
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() { // what was on its way with it may be lost, but says so
			if _, err := p.Publish(s.ctx(), ch, body("small")); err != nil && !strings.Contains(err.Error(), "may or may not") && !strings.Contains(err.Error(), "not sent") {
				t.Error(err)
			}
		})
	}
	_, err := p.Publish(s.ctx(), ch, body(strings.Repeat("x", 200_000)))
	if !errors.Is(err, brokers.ErrTooLarge) {
		t.Errorf("Publish says %v", err)
	}
	others.Wait()
	s.publish(p, ch, "still works")
	restartedBroker(t, s, own, ch)
}

// restartedBroker: a tap and a publisher go on when the broker comes back.
func restartedBroker(t *testing.T, s *site, own *testbroker.Broker, _ brokers.Channel) {
	t.Helper()
	ch := brokers.Channel{Name: "orders", Exchange: fresh("x"), RoutingKeys: []string{"placed"}}
	s.must(s.ch.ExchangeDeclare(ch.Exchange, "topic", true, false, false, false, nil))
	s.bound(ch.Exchange, "#", nil)
	w, p := s.tapChannels(ch), s.publisher()
	durable := s.arm(s.open(s.config()), brokers.TapConfig{Channels: []brokers.Channel{ch}, Durable: true})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s.must(own.Settle(ctx))
	s.must(own.Kill())
	w.gap()
	s.must(own.Restart(ctx))
	w.gap()
	if gap := durable.gap(); !strings.Contains(gap.Reason, "restarted") {
		t.Fatalf("the gap says %q", gap.Reason)
	}
	s.publish(p, ch, "after")
	for _, tap := range []*tapped{w, durable} {
		if o := tap.message(); string(o.Payload) != "after" {
			t.Fatalf("came %+v", o)
		}
		s.must(tap.tap.Close(s.ctx()))
	}
	s.conn, s.ch = s.dial()
	s.nothingLeft()
}

// TestBlockedPublisher: a broker without memory reads nothing; Publish ends with
// its context, and Close soon.
func TestBlockedPublisher(t *testing.T) {
	t.Setenv("RABBITMQ_SERVER_START_ARGS", "-rabbit vm_memory_high_watermark 0")
	own := testbroker.OwnRabbitMQ(t)
	s := newSiteAt(t, own.URL, own.Management)
	ch := s.orders()
	w := s.tapChannels(ch)
	p, err := openPublisher(s.ctx(), s.config())
	s.must(err)
	for _, size := range []int{10, 20_000_000} {
		ctx, cancel := context.WithTimeout(s.ctx(), 300*time.Millisecond)
		_, err := p.Publish(ctx, ch, body(strings.Repeat("x", size)))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Publish says %v", err)
		}
	}
	started := time.Now()
	s.must(p.Close())
	s.must(w.tap.Close(s.ctx()))
	if took := time.Since(started); took > patience {
		t.Fatalf("closing took %s", took)
	}
	s.nothingLeft()
}
