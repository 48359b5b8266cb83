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

// load are chains of four steps over two topics of Kafka, an exchange of RabbitMQ
// and a topic of SNS, with faults in some of them.
type load struct {
	o        options
	topics   [2]string
	exchange string
	topic    string // of SNS
	producer sarama.SyncProducer
	others   *campaign.Others
	rng      *rand.Rand
	chains   int
	messages int
	faults   int
	seq      int
	later    campaign.Later[item]
}

// item is a message: for a topic of Kafka by its index, or for another broker.
type item struct {
	to        int
	key, body string
}

// The places of items beyond the topics of Kafka.
const (
	toExchange = 2
	toMails    = 3
)

const flowFile = `flowcheck: 1
flow: campaign
brokers:
  k: "KAFKA"
  r: "RABBIT"
  c: { url: "aws://eu-west-1", endpoint: "CLOUD" }
timeout: 3s
channels:
  orders:    { broker: k, topic: T0 }
  payments:  { broker: k, topic: T1 }
  shipments: { broker: r, exchange: EXCHANGE, routing-key: "#", time: body.at }
  mails:     { broker: c, sns: MAILS }
correlate:
  order: body.order
  payment: body.payment
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 2s, check: [ body.amount == placed.body.amount ] }
  shipped: { channel: shipments, after: paid, within: 2s }
  mailed:  { channel: mails, within: 3s }
rules:
  - unique: { channel: payments, id: body.payment }
  - unique: { name: shipped-once, channel: shipments, id: body.payment }
  - never: { channel: payments, when: body.amount < 0 }
  - ordered: { channel: orders, by: body.seq, gapless: true }
`

func newLoad(o options) (*load, error) {
	l := &load{o: o, rng: rand.New(rand.NewPCG(o.seed, 1))} //nolint:gosec // a load, no secrets
	run := time.Now().UnixNano()
	for i, name := range []string{"orders", "payments"} {
		l.topics[i] = fmt.Sprintf("campaign-%d-%s", run, name)
	}
	l.exchange, l.topic = fmt.Sprintf("campaign-%d", run), fmt.Sprintf("campaign-%d", run)
	var err error
	if l.producer, err = campaign.Producer(o.kafka, 2, l.topics[:]...); err != nil {
		return nil, err
	}
	l.others, err = campaign.NewOthers(o.rabbitmq, o.cloud, l.topic, l.exchange)
	return l, err
}

func (l *load) close() {
	_ = l.producer.Close()
	l.others.Close()
}

// flow is the flow file of the load, for a shadow that reaches the brokers there.
func (l *load) flow(at addresses) string {
	return strings.NewReplacer("KAFKA", at.kafka, "T0", l.topics[0], "T1", l.topics[1], "RABBIT", at.rabbitmq, "EXCHANGE", l.exchange,
		"CLOUD", at.cloud, "MAILS", l.topic).Replace(flowFile)
}

// run sends chains until ctx ends, and then what is still to come.
func (l *load) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second / time.Duration(max(1, l.o.rate/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			err := l.send(l.later.Rest())
			return errors.Join(err, l.others.Wait())
		case now := <-tick.C:
			batch := l.later.Due(now)
			for range 10 {
				batch = append(batch, l.chain(now)...)
			}
			if err := l.send(batch); err != nil {
				return err
			}
		}
	}
}

func (l *load) send(batch []item) error {
	l.messages += len(batch)
	var topics []*sarama.ProducerMessage
	for _, m := range batch {
		switch m.to {
		case toExchange:
			l.others.Ship(l.exchange, m.body)
		case toMails:
			l.others.Mail(m.body)
		default:
			topics = append(topics, &sarama.ProducerMessage{Topic: l.topics[m.to], Key: sarama.StringEncoder(m.key), Value: sarama.StringEncoder(m.body)})
		}
	}
	if len(topics) == 0 {
		return nil
	}
	return l.producer.SendMessages(topics)
}

// chain is what a chain sends at once; some of it comes later.
func (l *load) chain(now time.Time) []item {
	l.chains++
	l.seq++
	fault := l.rng.IntN(100)
	if fault < 9 {
		l.faults++
	}
	if fault == 0 {
		l.seq++ // a value never comes
	}
	id, amount := fmt.Sprintf("o-%d", l.chains), 1+l.chains%900
	paid := amount
	switch fault {
	case 1:
		paid++
	case 2:
		paid = -1
	}
	placed := item{0, "all", fmt.Sprintf(`{"order":%q,"amount":%d,"seq":%d}`, id, amount, l.seq)} // one partition, so that their order is certain
	payment := item{1, id, fmt.Sprintf(`{"order":%q,"payment":"p-%s","amount":%d}`, id, id, paid)}
	l.at(now.Add(100*time.Millisecond), payment, fault != 3)
	if fault == 4 { // doubled, after its chain has closed
		l.at(now.Add(4*time.Second), payment, true)
	}
	wait := 300 * time.Millisecond
	if fault == 5 {
		wait = 5 * time.Second // late
	}
	shipped := now.Add(wait)
	shipment := item{toExchange, id, fmt.Sprintf(`{"payment":"p-%s","at":%q}`, id, shipped.UTC().Format(time.RFC3339Nano))}
	l.at(shipped, shipment, fault != 6)
	if fault == 7 { // doubled on RabbitMQ
		l.at(shipped.Add(time.Second), shipment, true)
	}
	l.at(now.Add(200*time.Millisecond), item{toMails, id, fmt.Sprintf(`{"order":%q}`, id)}, fault != 8)
	return []item{placed}
}

func (l *load) at(when time.Time, m item, really bool) {
	if really {
		l.later.At(when, m)
	}
}
