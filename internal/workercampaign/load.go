package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/campaign"
)

// load are chains of four steps over four topics of Kafka, or over one of them, two
// exchanges of RabbitMQ and a topic of SNS, with faults in some of them.
type load struct {
	o        options
	run      int64
	topics   [4]string // or exchanges, by step
	producer sarama.SyncProducer
	others   *campaign.Others // nil: Kafka alone
	rng      *rand.Rand
	chains   int
	messages int
	faults   int
	seq      int
	later    campaign.Later[item]
}

// item is a message of a step.
type item struct {
	step      int
	key, body string
}

const flowFile = `flowcheck: 1
flow: campaign
brokers:
  k: "kafka://KAFKA"
BROKERS
timeout: 3s
partition-by: order
channels:
CHANNELS
correlate:
  order: body.order
  payment: body.payment
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 2s, check: [ body.amount == placed.body.amount ] }
  shipped: { channel: shipments, after: paid, within: 2s }
  mailed:  { channel: mails, after: shipped }
rules:
  - unique: { channel: payments, id: body.payment }
  - never: { channel: payments, when: body.amount < 0 }
  - ordered: { channel: orders, by: body.seq, gapless: true }
`

const onKafka = `  orders:    { broker: k, topic: T0 }
  payments:  { broker: k, topic: T1 }
  shipments: { broker: k, topic: T2 }
  mails:     { broker: k, topic: T3 }`

const onAll = `  orders:    { broker: r, exchange: T0, routing-key: "#", time: body.at }
  payments:  { broker: k, topic: T1 }
  shipments: { broker: r, exchange: T2, routing-key: "#", time: body.at }
  mails:     { broker: c, sns: T3 }`

const others = `  r: "RABBIT"
  c: { url: "aws://eu-west-1", endpoint: "CLOUD" }`

func newLoad(o options) (*load, error) {
	l := &load{o: o, run: time.Now().UnixNano(), rng: rand.New(rand.NewPCG(o.seed, 1))} //nolint:gosec // a load, no secrets
	for i, name := range []string{"orders", "payments", "shipments", "mails"} {
		l.topics[i] = fmt.Sprintf("campaign-%d-%s", l.run, name)
	}
	var err error
	if l.producer, err = campaign.Producer(o.kafka, 3, l.topics[:]...); err != nil || !o.all {
		return l, err
	}
	l.others, err = campaign.NewOthers(o.rabbitmq, o.cloud, l.topics[3], l.topics[0], l.topics[2])
	return l, err
}

func (l *load) close() {
	_ = l.producer.Close()
	if l.others != nil {
		l.others.Close()
	}
}

// flow is the flow file of the load.
func (l *load) flow() string {
	brokers, channels := "", onKafka
	if l.others != nil {
		brokers, channels = others, onAll
	}
	text := strings.NewReplacer("BROKERS\n", brokers+"\n", "CHANNELS", channels).Replace(flowFile)
	return strings.NewReplacer("KAFKA", strings.TrimPrefix(l.o.kafka, "kafka://"), "RABBIT", l.o.rabbitmq, "CLOUD", l.o.cloud,
		"T0", l.topics[0], "T1", l.topics[1], "T2", l.topics[2], "T3", l.topics[3]).Replace(text)
}

// send sends chains until ctx ends, and then what is still to come.
func (l *load) send(ctx context.Context) error {
	tick := time.NewTicker(time.Second / time.Duration(max(1, l.o.rate/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			err := l.put(l.later.Rest())
			if l.others != nil {
				err = errors.Join(err, l.others.Wait())
			}
			return err
		case now := <-tick.C:
			batch := l.later.Due(now)
			for range 10 {
				batch = append(batch, l.chain(now))
			}
			if err := l.put(batch); err != nil {
				return err
			}
		}
	}
}

func (l *load) put(batch []item) error {
	l.messages += len(batch)
	var topics []*sarama.ProducerMessage
	for _, m := range batch {
		switch {
		case l.others != nil && m.step == 3:
			l.others.Mail(m.body)
		case l.others != nil && m.step != 1:
			l.others.Ship(l.topics[m.step], m.body)
		default:
			topics = append(topics, &sarama.ProducerMessage{Topic: l.topics[m.step], Key: sarama.StringEncoder(m.key), Value: sarama.StringEncoder(m.body)})
		}
	}
	if len(topics) == 0 {
		return nil
	}
	return l.producer.SendMessages(topics)
}

// chain is a chain's first message; the others come later.
func (l *load) chain(now time.Time) item {
	l.chains++
	l.seq++
	fault := l.rng.IntN(100)
	if fault < 10 {
		l.faults++
	}
	if fault == 0 {
		l.seq++ // a value never comes
	}
	id, amount := fmt.Sprintf("o-%d", l.chains), 1+l.chains%900
	paid, payment := amount, "p-"+id
	switch fault {
	case 1:
		paid++
	case 2:
		paid = -1
	case 9:
		payment = fmt.Sprintf("p-shared-%d", l.chains) // told twice, by two messages of the chain
	}
	pay := item{1, id, fmt.Sprintf(`{"order":%q,"payment":%q,"amount":%d}`, id, payment, paid)}
	l.at(now.Add(100*time.Millisecond), pay, fault != 3)
	if fault == 4 || fault == 9 { // doubled: after its chain has closed, or at once
		l.at(now.Add(map[int]time.Duration{4: 5 * time.Second, 9: 150 * time.Millisecond}[fault]), pay, true)
	}
	wait := 300 * time.Millisecond
	if fault == 5 {
		wait = 5 * time.Second // late
	}
	ship := item{2, id, fmt.Sprintf(`{"order":%q,"payment":%q,"at":%q}`, id, payment, now.Add(wait).UTC().Format(time.RFC3339Nano))}
	l.at(now.Add(wait), ship, fault != 6)
	if fault == 7 {
		l.at(now.Add(wait+time.Second), ship, true)
	}
	l.at(now.Add(wait+100*time.Millisecond), item{3, id, fmt.Sprintf(`{"order":%q}`, id)}, fault != 8)
	at := now.UTC().Format(time.RFC3339Nano)
	return item{0, "all", fmt.Sprintf(`{"order":%q,"amount":%d,"seq":%d,"at":%q}`, id, amount, l.seq, at)} // one partition, so that their order is certain
}

func (l *load) at(when time.Time, m item, really bool) {
	if really {
		l.later.At(when, m)
	}
}
