package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// load are chains of three steps over three topics, with faults in some of them.
type load struct {
	o        options
	topics   [3]string
	producer sarama.SyncProducer
	rng      *rand.Rand
	chains   int
	messages int
	faults   int
	seq      int
	later    []delayed
}

// delayed is a message that is sent later than its turn.
type delayed struct {
	at time.Time
	m  *sarama.ProducerMessage
}

const flowFile = `flowcheck: 1
flow: campaign
brokers: { k: "KAFKA" }
timeout: 3s
channels:
  orders:    { broker: k, topic: T0 }
  payments:  { broker: k, topic: T1 }
  shipments: { broker: k, topic: T2 }
correlate:
  order: body.order
  payment: body.payment
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 2s, check: [ body.amount == placed.body.amount ] }
  shipped: { channel: shipments, after: paid, within: 2s }
rules:
  - unique: { channel: payments, id: body.payment }
  - never: { channel: payments, when: body.amount < 0 }
  - ordered: { channel: orders, by: body.seq, gapless: true }
`

func newLoad(o options) (*load, error) {
	l := &load{o: o, rng: rand.New(rand.NewPCG(o.seed, 1))} //nolint:gosec // a load, no secrets
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.Return.Successes = true
	conf.Producer.Idempotent = true
	conf.Net.MaxOpenRequests = 1
	conf.Producer.RequiredAcks = sarama.WaitForAll
	address := strings.Split(strings.TrimPrefix(o.kafka, "kafka://"), ",")
	admin, err := sarama.NewClusterAdmin(address, conf)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	for i, name := range []string{"orders", "payments", "shipments"} {
		l.topics[i] = fmt.Sprintf("campaign-%d-%s", time.Now().UnixNano(), name)
		if err := admin.CreateTopic(l.topics[i], &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
			return nil, err
		}
	}
	l.producer, err = sarama.NewSyncProducer(address, conf)
	return l, err
}

func (l *load) close() { _ = l.producer.Close() }

// flow is the flow file of the load.
func (l *load) flow() string {
	url := l.o.kafka
	if !strings.Contains(url, "://") {
		url = "kafka://" + url
	}
	return strings.NewReplacer("KAFKA", url, "T0", l.topics[0], "T1", l.topics[1], "T2", l.topics[2]).Replace(flowFile)
}

// run sends chains until ctx ends, and then what is still to come.
func (l *load) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second / time.Duration(max(1, l.o.rate/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.send(l.rest())
		case now := <-tick.C:
			batch := l.due(now)
			for range 10 {
				batch = append(batch, l.chain(now)...)
			}
			if err := l.send(batch); err != nil {
				return err
			}
		}
	}
}

func (l *load) send(batch []*sarama.ProducerMessage) error {
	l.messages += len(batch)
	if len(batch) == 0 {
		return nil
	}
	return l.producer.SendMessages(batch)
}

// due are the messages whose time has come.
func (l *load) due(now time.Time) (batch []*sarama.ProducerMessage) {
	kept := l.later[:0]
	for _, d := range l.later {
		if d.at.After(now) {
			kept = append(kept, d)
			continue
		}
		batch = append(batch, d.m)
	}
	l.later = kept
	return batch
}

func (l *load) rest() (batch []*sarama.ProducerMessage) {
	for _, d := range l.later {
		batch = append(batch, d.m)
	}
	l.later = nil
	return batch
}

// chain is what a chain sends at once; some of it comes later.
func (l *load) chain(now time.Time) []*sarama.ProducerMessage {
	l.chains++
	l.seq++
	fault := l.rng.IntN(100)
	if fault < 7 {
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
	placed := l.message(0, id, fmt.Sprintf(`{"order":%q,"amount":%d,"seq":%d}`, id, amount, l.seq))
	payment := l.message(1, id, fmt.Sprintf(`{"order":%q,"payment":"p-%s","amount":%d}`, id, id, paid))
	shipment := l.message(2, id, fmt.Sprintf(`{"payment":"p-%s"}`, id))
	l.at(now.Add(100*time.Millisecond), payment, fault != 3)
	if fault == 4 { // doubled, after its chain has closed
		l.at(now.Add(4*time.Second), payment, true)
	}
	wait := 300 * time.Millisecond
	if fault == 5 {
		wait = 5 * time.Second // late
	}
	l.at(now.Add(wait), shipment, fault != 6)
	return []*sarama.ProducerMessage{placed}
}

func (l *load) at(when time.Time, m *sarama.ProducerMessage, really bool) {
	if really {
		own := *m
		l.later = append(l.later, delayed{when, &own})
	}
}

func (l *load) message(topic int, key, body string) *sarama.ProducerMessage {
	// One partition for the orders, so that their order is certain.
	m := &sarama.ProducerMessage{Topic: l.topics[topic], Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(body)}
	if topic == 0 {
		m.Key = sarama.StringEncoder("all")
	}
	return m
}
