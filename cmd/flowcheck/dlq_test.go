package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/rabbitmq/amqp091-go"
)

const parcelFlow = `flowcheck: 1
flow: parcels
timeout: 3s
brokers: { tasks: "${env.RABBIT}" }
channels:
  shipments: { broker: tasks, exchange: shipping, routing-key: "#" }
  mails:     { broker: tasks, exchange: mails }
  dead:      { broker: tasks, exchange: shipping.dlx, routing-key: "#", dead-letters: shipments }
correlate: { order: body.order }
steps:
  shipped: { channel: shipments }
  mailed:  { channel: mails, after: shipped, within: 3s }
  parked:  { channel: dead, after: shipped, optional: true }
outcomes: { delivered: [ shipped, mailed ], lost: [ shipped, parked ] }
`

// parcels makes a courier that refuses everything, and four of its dead letters.
func (s *site) parcels() {
	s.Helper()
	s.must(s.amqp.ExchangeDeclare("shipping.dlx", amqp091.ExchangeFanout, true, false, false, false, nil))
	s.must(s.amqp.ExchangeDeclare("mails", amqp091.ExchangeTopic, true, false, false, false, nil))
	_, err := s.amqp.QueueDeclare("parked", true, false, false, false, nil)
	s.must(err)
	s.must(s.amqp.QueueBind("parked", "#", "shipping.dlx", false, nil))
	_, err = s.amqp.QueueDeclare("courier", true, false, false, false, amqp091.Table{"x-dead-letter-exchange": "shipping.dlx"})
	s.must(err)
	s.must(s.amqp.QueueBind("courier", "#", "shipping", false, nil))
	for _, order := range []string{"sound", "bad", "twice", "mute"} {
		s.must(s.amqp.PublishWithContext(s.Context(), "shipping", "parcel.de", false, false, amqp091.Publishing{
			Body: []byte(`{"order":"` + order + `"}`), Headers: amqp091.Table{"tenant": "acme"},
		}))
	}
	for left := 4; left > 0; {
		d, ok, err := s.amqp.Get("courier", false)
		s.must(err)
		if ok {
			s.must(d.Reject(false))
			left--
		}
	}
	await(s, "all four are parked", func() bool { return s.lying("parked") == 4 })
}

// lying is how many messages are ready in a queue.
func (s *site) lying(queue string) int {
	s.Helper()
	q, err := s.amqp.QueueDeclarePassive(queue, true, false, false, false, nil)
	s.must(err)
	return q.Messages
}

// heal has the courier deliver what its order's name says.
func (s *site) heal() {
	conn, err := amqp091.Dial(s.rabbit)
	s.must(err)
	s.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	s.must(err)
	feed, err := ch.Consume("courier", "", false, false, false, false, nil)
	s.must(err)
	go func() {
		for d := range feed {
			mails := 1
			switch body := string(d.Body); {
			case d.Headers["x-death"] != nil || d.RoutingKey != "parcel.de" || d.Headers["tenant"] != "acme":
				mails = 0 // not as it was
			case strings.Contains(body, "bad"):
				_ = d.Reject(false)
				continue
			case strings.Contains(body, "twice"):
				mails = 2
			case strings.Contains(body, "mute"):
				mails = 0
			}
			for range mails {
				_ = ch.PublishWithContext(s.Context(), "mails", "mail", false, false, amqp091.Publishing{Body: d.Body})
			}
			_ = d.Ack(false)
		}
	}()
}

// TestDeadLettersOfAQueue are listed and shown without being lost, sent to where they
// came from, and removed only where they have healed.
func TestDeadLettersOfAQueue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.parcels()
	flow := write(t, "parcels.flow.yaml", parcelFlow)
	run := func(want int, args ...string) (out, errs string) {
		t.Helper()
		p := s.start(append([]string{"dlq", args[0], flow, "--queue", "parked"}, args[1:]...)...)
		if code := p.code(); code != want {
			t.Errorf("dlq %s: exit code %d\n%s%s", args, code, &p.out, &p.errs)
		}
		return p.out.String(), p.errs.String()
	}
	out, errs := run(exitPass, "ls")
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "dead 4 shipments rejected rabbitmq") || !strings.Contains(errs, "counts as delivered once more") {
		t.Errorf("ls: %s%s", out, errs)
	}
	if out, _ = run(exitPass, "show", "dead", "--position", "2"); !strings.Contains(out, `{"order":"bad"}`) || !strings.Contains(out, "1 dead letter\n") {
		t.Errorf("show: %s", out)
	}
	run(exitInput, "replay")
	run(exitInput, "ls", "mails")
	run(exitUnknown, "replay", "--reason", "nothing like it")
	await(t, "all is given back", func() bool { return s.lying("parked") == 4 })
	s.heal()
	out, errs = run(exitFail, "replay", "--all", "--remove")
	for _, want := range []string{"healed        dead 1", "parked again  dead 2", "doubled       dead 3", "silent        dead 4", "1 dead letter removed"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q: %s%s", want, out, errs)
		}
	}
	// Three of the four, and the one that was parked again.
	await(t, "the rest is given back", func() bool { return s.lying("parked") == 4 })
	if left := s.created(); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
	s.call(http.MethodDelete, "/api/queues/"+s.vhost+"/courier", nil)
}

const topicFlow = `flowcheck: 1
flow: topics
timeout: 2s
brokers:
  events: kafka://${env.KAFKA}
  cloud:  { url: "aws://${env.REGION}", endpoint: "${env.AWS_ENDPOINT}", username: test, password: hunter2 }
channels:
  orders:  { broker: events, topic: "${env.ORDERS}" }
  refused: { broker: events, topic: "${env.PAYMENTS}", dead-letters: orders }
  letters: { broker: cloud, sqs: letters, intrusive: true }
  dropped: { broker: cloud, sqs: letters-dlq, intrusive: true, dead-letters: letters }
correlate: { order: body.order }
steps:
  placed:  { channel: orders }
  written: { channel: letters }
`

// TestDeadLettersOfTopicsAndQueues: a topic is read, and cannot lose a single
// message; SQS gives back what was looked at.
func TestDeadLettersOfTopicsAndQueues(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	producer, err := sarama.NewSyncProducer([]string{s.kafka}, acknowledged())
	s.must(err)
	defer producer.Close()
	for i := range 3 {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: s.payments, Value: sarama.StringEncoder(fmt.Sprintf(`{"order":"o-%d"}`, i)),
			Headers: []sarama.RecordHeader{
				{Key: []byte("kafka_dlt-original-topic"), Value: []byte(s.orders)},
				{Key: []byte("kafka_dlt-exception-fqcn"), Value: []byte("shop.Closed")},
			},
		})
		s.must(err)
	}
	for _, name := range []string{"letters", "letters-dlq"} {
		q, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
		s.must(err)
		if name == "letters-dlq" {
			_, err = s.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String(`{"order":"o-7"}`)})
			s.must(err)
		}
	}
	flow := write(t, "topics.flow.yaml", topicFlow)
	for range 2 { // the second time, it is all still there
		p := s.start("dlq", "ls", flow)
		code, text := p.code(), strings.Join(strings.Fields(p.out.String()), " ")
		if code != exitPass || !strings.Contains(text, "refused 3 orders shop.Closed") || !strings.Contains(text, "dropped 1 letters ?") {
			t.Errorf("exit code %d: %s%s", code, &p.out, &p.errs)
		}
	}
	p := s.start("dlq", "replay", flow, "refused", "--reason", "Closed", "--remove")
	if code := p.code(); code != exitPass || strings.Count(p.errs.String(), "healed") != 3 || !strings.Contains(p.errs.String(), "0 dead letters removed") ||
		!strings.Contains(p.out.String(), "single messages cannot be removed") {
		t.Errorf("exit code %d: %s%s", code, &p.out, &p.errs)
	}
	p = s.start("dlq", "replay", flow, "dropped", "--all", "--remove")
	if code := p.code(); code != exitPass || !strings.Contains(p.errs.String(), "1 dead letter removed") {
		t.Errorf("exit code %d: %s%s", code, &p.out, &p.errs)
	}
	p = s.start("dlq", "ls", flow, "dropped")
	if code := p.code(); code != exitPass || !strings.Contains(strings.Join(strings.Fields(p.out.String()), " "), "dropped 0") {
		t.Errorf("exit code %d: %s%s", code, &p.out, &p.errs)
	}
}

// acknowledged is a producer that waits for its acknowledgements.
func acknowledged() *sarama.Config {
	c := sarama.NewConfig()
	c.Producer.Return.Successes = true
	return c
}
