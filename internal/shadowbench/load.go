package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// flowFile is the flow of four steps, one a topic; TOPIC begins their names.
const flowFile = `flowcheck: 1
flow: bench
brokers: { k: "kafka://here" }
remember: REMEMBER
channels:
  orders:    { broker: k, topic: TOPIC-0 }
  payments:  { broker: k, topic: TOPIC-1 }
  shipments: { broker: k, topic: TOPIC-2 }
  mails:     { broker: k, topic: TOPIC-3 }
correlate: { order: body.orderId }
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 60s, check: 'body.amount == placed.body.total and headers["type"] == "paid"' }
  shipped: { channel: shipments, after: paid, within: 60s }
  mailed:  { channel: mails, after: shipped, within: 60s }
`

// kinds are the type headers of the steps, amounts the names of what they cost.
var (
	kinds   = [4]string{"placed", "paid", "shipped", "mailed"}
	amounts = [4]string{"total", "amount", "amount", "fee"}
)

const note = "a note that makes the message as long as messages are, for nobody to read, and a little longer"

// load fills the topics.
type load struct {
	o      *options
	client sarama.Client
	prefix string
	chains int
}

func newLoad(o *options) (*load, error) {
	if o.kafka == "" {
		return nil, errors.New("it needs a Kafka: go run ./internal/withbrokers -only kafka -- …")
	}
	l := &load{o: o, prefix: fmt.Sprintf("bench-%d", time.Now().UnixNano())}
	var err error
	if l.client, err = l.connect(); err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdminFromClient(l.client)
	if err != nil {
		return nil, err
	}
	for i := range kinds {
		detail := &sarama.TopicDetail{NumPartitions: int32(o.partitions), ReplicationFactor: 1} //nolint:gosec // a small number
		if err := admin.CreateTopic(l.topic(i), detail, false); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *load) connect() (sarama.Client, error) {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.Return.Successes = true
	conf.Producer.Flush.Frequency = 5 * time.Millisecond
	conf.Producer.Retry.Max = 100 // a broker that has come back leads no partition yet
	conf.Producer.Retry.Backoff = 200 * time.Millisecond
	conf.Net.MaxOpenRequests = 1 // so that the order of a partition is certain
	return sarama.NewClient(strings.Split(l.o.kafka, ","), conf)
}

func (l *load) close() { _ = l.client.Close() }

func (l *load) topic(step int) string { return l.prefix + "-" + strconv.Itoa(step) }

func (l *load) flow() string {
	return strings.NewReplacer("TOPIC", l.prefix, "REMEMBER", l.o.remember).Replace(flowFile)
}

// message is a step of a chain, of some 330 bytes.
func (l *load) message(chain, step int) *sarama.ProducerMessage {
	body := fmt.Appendf(nil, `{"orderId":"o-%d","customer":"c-%d","%s":%d.5,"currency":"EUR","paymentId":"p-%d-%d","lines":[{"sku":"A1","qty":2}],"note":%q}`,
		chain, chain%5000, amounts[step], 10+chain%990, chain, step, note)
	return &sarama.ProducerMessage{
		Topic: l.topic(step), Key: sarama.StringEncoder("o-" + strconv.Itoa(chain)), Value: sarama.ByteEncoder(body),
		Headers: []sarama.RecordHeader{
			{Key: []byte("traceparent"), Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
			{Key: []byte("type"), Value: []byte(kinds[step])},
		},
	}
}

// openAtOnce is how many chains of the backlog are under way at once.
const openAtOnce = 3000

// fill sends that many chains: their steps lie apart, and in their order.
func (l *load) fill(chains int) error {
	p, err := sarama.NewAsyncProducerFromClient(l.client)
	if err != nil {
		return err
	}
	total, first := 4*chains, l.chains
	l.chains += chains
	go func() {
		for i := range chains + 3*openAtOnce/3 {
			for step := range kinds {
				if chain := i - step*openAtOnce/3; chain >= 0 && chain < chains {
					p.Input() <- l.message(first+chain, step)
				}
			}
		}
	}()
	for range total {
		select {
		case <-p.Successes():
		case err := <-p.Errors():
			return err
		}
	}
	return p.Close()
}

// trickle sends that many chains a second until ctx ends, each step 100 ms behind
// the one before it.
func (l *load) trickle(ctx context.Context, rate int) error {
	p, err := sarama.NewSyncProducerFromClient(l.client)
	if err != nil {
		return err
	}
	defer p.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	first := l.chains
	each := max(1, rate/10)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			l.chains += each * (n + 1)
			return nil
		case <-tick.C:
		}
		var batch []*sarama.ProducerMessage
		for step := range kinds {
			if n < step {
				continue
			}
			for i := range each {
				batch = append(batch, l.message(first+(n-step)*each+i, step))
			}
		}
		if err := p.SendMessages(batch); err != nil {
			return err
		}
	}
}

// readPlain reads n messages with sarama's own consumer as it is by default, each
// partition by a goroutine of its own, and does nothing with them.
func (l *load) readPlain(n int) (speed, error) {
	c, err := sarama.NewConsumerFromClient(l.client)
	if err != nil {
		return speed{}, err
	}
	var left atomic.Int64
	left.Store(int64(n))
	all := make(chan struct{})
	var parts []sarama.PartitionConsumer
	var reading sync.WaitGroup
	began := startWatch()
	for step := range kinds {
		for id := range l.o.partitions {
			pc, err := c.ConsumePartition(l.topic(step), int32(id), sarama.OffsetOldest) //nolint:gosec // a small number
			if err != nil {
				return speed{}, err
			}
			parts = append(parts, pc)
			reading.Go(func() {
				for range pc.Messages() {
					if left.Add(-1) == 0 {
						close(all)
					}
				}
			})
		}
	}
	<-all
	took := began.speed(n)
	for _, pc := range parts {
		pc.AsyncClose()
	}
	reading.Wait()
	return took, c.Close()
}
