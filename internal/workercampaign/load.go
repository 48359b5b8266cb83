package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/campaign"
)

// load are chains of four steps over four topics, with faults in some of them.
type load struct {
	o        options
	run      int64
	topics   [4]string
	producer sarama.SyncProducer
	rng      *rand.Rand
	chains   int
	messages int
	faults   int
	seq      int
	later    campaign.Later[*sarama.ProducerMessage]
}

const flowFile = `flowcheck: 1
flow: campaign
brokers: { k: "kafka://KAFKA" }
timeout: 3s
partition-by: order
channels:
  orders:    { broker: k, topic: T0 }
  payments:  { broker: k, topic: T1 }
  shipments: { broker: k, topic: T2 }
  mails:     { broker: k, topic: T3 }
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

func newLoad(o options) (*load, error) {
	l := &load{o: o, run: time.Now().UnixNano(), rng: rand.New(rand.NewPCG(o.seed, 1))} //nolint:gosec // a load, no secrets
	for i, name := range []string{"orders", "payments", "shipments", "mails"} {
		l.topics[i] = fmt.Sprintf("campaign-%d-%s", l.run, name)
	}
	var err error
	l.producer, err = campaign.Producer(o.kafka, 3, l.topics[:]...)
	return l, err
}

func (l *load) close() { _ = l.producer.Close() }

// flow is the flow file of the load.
func (l *load) flow() string {
	return strings.NewReplacer("KAFKA", strings.TrimPrefix(l.o.kafka, "kafka://"), "T0", l.topics[0], "T1", l.topics[1], "T2", l.topics[2], "T3", l.topics[3]).Replace(flowFile)
}

// send sends chains until ctx ends, and then what is still to come.
func (l *load) send(ctx context.Context) error {
	tick := time.NewTicker(time.Second / time.Duration(max(1, l.o.rate/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.put(l.later.Rest())
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

func (l *load) put(batch []*sarama.ProducerMessage) error {
	l.messages += len(batch)
	if len(batch) == 0 {
		return nil
	}
	return l.producer.SendMessages(batch)
}

// chain is a chain's first message; the others come later.
func (l *load) chain(now time.Time) *sarama.ProducerMessage {
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
	pay := l.message(1, id, fmt.Sprintf(`{"order":%q,"payment":%q,"amount":%d}`, id, payment, paid))
	l.at(now.Add(100*time.Millisecond), pay, fault != 3)
	if fault == 4 || fault == 9 { // doubled: after its chain has closed, or at once
		l.at(now.Add(map[int]time.Duration{4: 5 * time.Second, 9: 150 * time.Millisecond}[fault]), pay, true)
	}
	wait := 300 * time.Millisecond
	if fault == 5 {
		wait = 5 * time.Second // late
	}
	ship := l.message(2, id, fmt.Sprintf(`{"order":%q,"payment":%q}`, id, payment))
	l.at(now.Add(wait), ship, fault != 6)
	if fault == 7 {
		l.at(now.Add(wait+time.Second), ship, true)
	}
	l.at(now.Add(wait+100*time.Millisecond), l.message(3, id, fmt.Sprintf(`{"order":%q}`, id)), fault != 8)
	return l.message(0, "all", fmt.Sprintf(`{"order":%q,"amount":%d,"seq":%d}`, id, amount, l.seq)) // one partition, so that their order is certain
}

func (l *load) message(topic int, key, body string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: l.topics[topic], Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(body)}
}

func (l *load) at(when time.Time, m *sarama.ProducerMessage, really bool) {
	if really {
		copied := &sarama.ProducerMessage{Topic: m.Topic, Key: m.Key, Value: m.Value}
		l.later.At(when, copied)
	}
}
