package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// replyFlow asks for prices over RabbitMQ and over Kafka. The clerk lies about 13
// pieces, tells the price of 14 twice, and of 15 never.
const replyFlow = `flowcheck: 1
flow: prices
settle: 200ms
brokers:
  tasks:  ${env.RABBIT}
  events: kafka://${env.KAFKA}
channels:
  requests: { broker: tasks, exchange: shipping, routing-key: price }
  prices:   { broker: tasks, reply: true }
  asks:     { broker: events, topic: "${env.ORDERS}" }
  answers:  { broker: events, topic: "${env.PAYMENTS}", reply: true }
correlate: { request: 'properties["correlation-id"] ?? headers["correlation"]' }
steps:
  asked:    { channel: requests }
  priced:   { channel: prices, after: asked, within: 10s, check: body.price == asked.body.qty * 2 }
  enquired: { channel: asks }
  told:     { channel: answers, after: enquired, within: 10s, check: body.price == enquired.body.qty * 2 }
outcomes:
  rabbit: [ asked, priced ]
  kafka:  [ enquired, told ]
scenarios:
  - name: a price over RabbitMQ
    cases: [ { qty: 1 }, { qty: 13 }, { qty: 14 }, { qty: 15 } ]
    send:
      to: requests
      properties: { reply-to: "${channels.prices}", correlation-id: "${id}" }
      body: { qty: "${case.qty}" }
    outcome: rabbit
  - name: a price over Kafka
    cases: [ { qty: 1 }, { qty: 13 }, { qty: 14 }, { qty: 15 } ]
    send:
      to: asks
      headers: { correlation: "${id}", reply-topic: "${channels.answers}" }
      body: { qty: "${case.qty}" }
    outcome: kafka
`

// clerk tells prices: replies are what it has to send for a request.
func clerk(request []byte) (replies [][]byte) {
	var ask struct{ Qty int }
	if json.Unmarshal(request, &ask) != nil {
		return nil
	}
	price := 2 * ask.Qty
	if ask.Qty == 13 {
		price++
	}
	reply, _ := json.Marshal(map[string]int{"price": price})
	return map[int][][]byte{14: {reply, reply}, 15: nil, 1: {reply}, 13: {reply}}[ask.Qty]
}

func (s *site) answerOnRabbitMQ() {
	q, err := s.amqp.QueueDeclare("price-requests", false, false, false, false, nil)
	s.must(err)
	s.must(s.amqp.QueueBind(q.Name, "price", "shipping", false, nil))
	requests, err := s.amqp.Consume(q.Name, "", true, false, false, false, nil)
	s.must(err)
	go func() {
		for r := range requests {
			for _, reply := range clerk(r.Body) {
				err := s.amqp.PublishWithContext(context.Background(), "", r.ReplyTo, true, false,
					amqp091.Publishing{CorrelationId: r.CorrelationId, Body: reply})
				if err != nil {
					s.Error(err)
				}
			}
		}
	}()
}

func (s *site) answerOnKafka() {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka), kgo.ConsumeTopics(s.orders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				for _, reply := range clerk(r.Value) {
					answer := &kgo.Record{Value: reply, Headers: r.Headers[:1]}
					for _, h := range r.Headers {
						if h.Key == "reply-topic" {
							answer.Topic = string(h.Value)
						}
					}
					if err := client.ProduceSync(ctx, answer).FirstErr(); err != nil && ctx.Err() == nil {
						s.Error(err)
					}
				}
			})
		}
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
		client.Close()
	})
}

// TestRepliesAreSteps: what a system replies, on a queue of flowcheck's own or on a
// topic, is tied by its correlation id and judged as any step, live and from the
// recording.
func TestRepliesAreSteps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.answerOnRabbitMQ()
	s.answerOnKafka()
	flow, dir := write(t, "prices.flow.yaml", replyFlow), t.TempDir()
	recording := filepath.Join(dir, "run.jsonl")
	p := s.start("run", flow, "--record", recording, "--report", "json="+filepath.Join(dir, "live.json"))
	if code := p.code(); code != exitFail {
		t.Fatalf("exit code %d: %s%s", code, &p.out, &p.errs)
	}
	if v := s.start("verify", flow, recording, "--report", "json="+filepath.Join(dir, "later.json")); v.code() != exitFail {
		t.Errorf("verify: %s%s", &v.out, &v.errs)
	}
	live, later := findingsIn(t, filepath.Join(dir, "live.json")), findingsIn(t, filepath.Join(dir, "later.json"))
	if live != later {
		t.Errorf("live and later differ:\n%s\n%s", live, later)
	}
	for _, name := range []string{"RabbitMQ", "Kafka"} {
		for qty, sign := range map[string]string{"1": "✓", "13": "✗", "14": "✗", "15": "✗"} {
			if want := sign + " a price over " + name + ` {"qty":` + qty + `}`; !strings.Contains(p.out.String(), want) {
				t.Errorf("no %s in %s", want, &p.out)
			}
		}
	}
	for kind, want := range map[string]int{"mismatch": 2, "duplicate": 2, "missing": 2} {
		if got := strings.Count(live, `"kind":"`+kind+`"`); got != want {
			t.Errorf("%d of %s, want %d: %s", got, kind, want, live)
		}
	}
	if left := s.created(); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// findingsIn are the findings of a JSON report.
func findingsIn(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Findings json.RawMessage }
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	return string(report.Findings)
}

// TestReplyChannelsThatCannotBe are told by lint, and by what sends nothing.
func TestReplyChannelsThatCannotBe(t *testing.T) {
	t.Parallel()
	const whole = `flowcheck: 1
flow: wrong
brokers: { tasks: "amqp://localhost", events: "kafka://localhost", web: "http://127.0.0.1:8099" }
channels:
  asked:  { broker: tasks, exchange: rpc }
  prices: { CHANNEL }
correlate: { request: 'properties["correlation-id"]' }
steps: { asked: { channel: asked }, priced: { channel: prices } }
scenarios: [ { name: n, send: { to: asked, properties: { reply-to: "${NAME}" }, body: 1 } } ]
`
	for _, c := range []struct{ verb, channel, name, want string }{
		{"lint", "broker: tasks, reply: true, queue: prices", "channels.prices", "with reply: true flowcheck makes the queue: leave out exchange, queue"},
		{"lint", "broker: events, reply: true", "channels.prices", "flowcheck makes no topics: name the topic of the replies beside reply: true"},
		{"lint", "broker: web, reply: true", "channels.prices", "there are no queues for replies over HTTP"},
		{"lint", "broker: tasks, reply: true", "channels.price", "channels has no price"},
		{"record", "broker: tasks, reply: true", "channels.prices", "a queue of flowcheck's own for replies, which run alone has"},
		{"shadow", "broker: tasks, reply: true", "channels.prices", "a queue of flowcheck's own for replies, which run alone has"},
	} {
		flow := write(t, "wrong.flow.yaml", strings.NewReplacer("CHANNEL", c.channel, "NAME", c.name).Replace(whole))
		args := []string{c.verb, flow}
		if c.verb == "record" {
			args = append(args, "-o", filepath.Join(t.TempDir(), "x.jsonl"))
		}
		if p := start(t, args...); p.code() != exitInput || !strings.Contains(p.errs.String(), c.want) {
			t.Errorf("%s %s: no %q in %s", c.verb, c.channel, c.want, &p.errs)
		}
	}
	flow := write(t, "wrong.flow.yaml", strings.NewReplacer("CHANNEL", "broker: tasks, reply: true", "NAME", "channels.prices", "to: asked", "to: prices").Replace(whole))
	if p := start(t, "lint", flow); p.code() != exitInput || !strings.Contains(p.errs.String(), `"prices" takes replies: nothing is sent there`) {
		t.Errorf("%s", &p.errs)
	}
}
