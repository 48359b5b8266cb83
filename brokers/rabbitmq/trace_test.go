package rabbitmq

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestFirehoseShowsTheMessageAsPublished(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil), Firehose: true}
	w := s.tapChannels(ch)
	s.send("", ch.Queue, amqp091.Publishing{
		Headers:     amqp091.Table{"n": int32(7), "x-death": []any{amqp091.Table{"count": int64(2)}}, "at": time.Unix(1700000000, 0)},
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: 2, Priority: 3, CorrelationId: "c", ReplyTo: "r",
		Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1700000001, 0), Type: "t", UserId: "guest", AppId: "a",
		Body: []byte("{}"),
	})
	want := message.Message{
		Headers: []message.Header{
			{Name: "at", Value: time.Unix(1700000000, 0).UTC()},
			{Name: "n", Value: int64(7)},
			{Name: "x-death", Value: []any{map[string]any{"count": int64(2)}}},
		},
		Properties: map[string]any{
			"content-type": "application/json", "content-encoding": "utf-8", "delivery-mode": int64(2), "priority": int64(3),
			"correlation-id": "c", "reply-to": "r", "expiration": "60000", "message-id": "m", "timestamp": time.Unix(1700000001, 0).UTC(),
			"type": "t", "user-id": "guest", "app-id": "a", "exchange": "", "routing-key": ch.Queue,
		},
		Payload: []byte("{}"),
	}
	if o := w.message(); !reflect.DeepEqual(o.Message, want) || o.Position != message.Nth(1) {
		t.Fatalf("want %+v\ncame %+v", want, o)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestFirehoseSeesWhatComesToAQueue by the default exchange and by its bindings,
// over another exchange too, and nothing else.
func TestFirehoseSeesWhatComesToAQueue(t *testing.T) {
	s := newSite(t)
	first, second, other := s.exchange("topic"), s.exchange("x-consistent-hash"), s.queue(nil)
	s.must(s.ch.ExchangeBind(second, "#", first, false, nil))
	ch := brokers.Channel{Name: "tasks", Queue: s.bound(second, "1", nil), Firehose: true}
	w := s.tapChannels(ch)
	s.send("", other, amqp091.Publishing{Body: []byte("to another queue")})
	s.send("", ch.Queue, amqp091.Publishing{Body: []byte("direct")})
	s.send(first, "k", amqp091.Publishing{Body: []byte("over two exchanges")})
	s.send(s.exchange("fanout"), "k", amqp091.Publishing{Body: []byte("elsewhere")})
	for _, want := range []string{"direct", "over two exchanges"} {
		if o := w.message(); string(o.Payload) != want {
			t.Fatalf("want %s, came %q", want, o.Payload)
		}
	}
	w.nothing()
	s.must(w.tap.Close(s.ctx()))
}

// TestFirehoseOfAnExchange is how a hash exchange is seen.
func TestFirehoseOfAnExchange(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "shards", Exchange: s.exchange("x-consistent-hash"), Firehose: true}
	keyed := ch
	keyed.Name, keyed.RoutingKeys = "eu", []string{"eu.#"}
	w := s.tapChannels(ch)
	v := s.tapChannels(keyed)
	s.send(ch.Exchange, "us.1", amqp091.Publishing{Body: []byte("us")})
	s.send(ch.Exchange, "eu.1", amqp091.Publishing{Body: []byte("eu")})
	for _, want := range []string{"us", "eu"} {
		if o := w.message(); string(o.Payload) != want || o.Properties["exchange"] != ch.Exchange {
			t.Fatalf("want %s, came %+v", want, o)
		}
	}
	if o := v.message(); string(o.Payload) != "eu" {
		t.Fatalf("came %+v", o)
	}
	v.nothing()
	s.must(w.tap.Close(s.ctx()))
	s.must(v.tap.Close(s.ctx()))
}

func (s *site) vhostInfo() (v struct {
	Description string
	Tags        []string
	Tracing     bool
},
) {
	s.Helper()
	s.call(http.MethodGet, "/api/vhosts/"+s.vhost, nil, &v)
	return v
}

// TestFirehoseLeavesTheVhostAsItWas: whoever had tracing on keeps it, and what a
// vhost is described with stays.
func TestFirehoseLeavesTheVhostAsItWas(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil), Firehose: true}
	for _, tracing := range []bool{false, true} {
		s.call(http.MethodPut, "/api/vhosts/"+s.vhost, map[string]any{"description": "shop", "tags": "a,b", "tracing": tracing}, nil)
		before := s.vhostInfo()
		w := s.tapChannels(ch)
		if !s.vhostInfo().Tracing {
			t.Fatal("tracing is off while the firehose is tapped")
		}
		s.must(w.tap.Close(s.ctx()))
		if after := s.vhostInfo(); !reflect.DeepEqual(before, after) || before.Description != "shop" {
			t.Fatalf("the vhost was %+v, is %+v", before, after)
		}
	}
}

func TestTracingSwitchedOffByAnotherIsAGap(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil), Firehose: true}
	w := s.tapChannels(ch)
	s.call(http.MethodPut, "/api/vhosts/"+s.vhost, map[string]any{"tracing": false}, nil)
	s.send("", ch.Queue, amqp091.Publishing{Body: []byte("lost")})
	events := w.rest()
	if len(events) != 1 || events[0].Mark == nil || !strings.Contains(events[0].Mark.Reason, "switched tracing off") {
		t.Fatalf("came %v", events)
	}
	s.send("", ch.Queue, amqp091.Publishing{Body: []byte("1")})
	if o := w.message(); string(o.Payload) != "1" {
		t.Fatalf("came %+v", o)
	}
	s.must(w.tap.Close(s.ctx()))
}

func TestFirehoseTakesAnAdministrator(t *testing.T) {
	s := newSite(t)
	ch := brokers.Channel{Name: "tasks", Queue: s.queue(nil), Firehose: true}
	tp := s.open(s.user("management", ".*", ".*", ".*"))
	_, err := tp.Tap(s.ctx(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
	if !errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), "administrator") {
		t.Fatalf("Tap says %v", err)
	}
	s.nothingLeft()
}
