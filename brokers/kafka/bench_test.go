package kafka

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

const (
	loadSize       = 200_000 // messages
	loadPartitions = 4
)

// load fills a topic with messages of 410 bytes.
func load(b *testing.B, e *env) brokers.Channel {
	b.Helper()
	ch := e.topic(b, loadPartitions)
	conf := plainConfig()
	conf.Producer.Flush.Frequency = 5 * time.Millisecond
	p, err := sarama.NewAsyncProducer(e.seeds(), conf)
	must(b, err)
	body := bytes.Repeat([]byte(`{"order":"o-12345"}`), 22)[:400]
	go func() {
		for i := range loadSize {
			p.Input() <- &sarama.ProducerMessage{
				Topic: ch.Topic, Partition: int32(i % loadPartitions), Key: sarama.ByteEncoder("0123456789"), Value: sarama.ByteEncoder(body),
			}
		}
	}()
	for range loadSize {
		select {
		case <-p.Successes():
		case err := <-p.Errors():
			b.Fatal(err)
		}
	}
	must(b, p.Close())
	return ch
}

// BenchmarkRead reads the same topic by a tap and by sarama's own consumer.
func BenchmarkRead(b *testing.B) {
	e := realKafka(b)
	ch := load(b, e)
	b.Run("tap", func(b *testing.B) {
		tp := e.tapperWith(b, usual())
		for b.Loop() {
			events := make(chan message.Event, 256)
			tap, err := tp.Tap(b.Context(), brokers.TapConfig{
				Channels: []brokers.Channel{ch}, Start: brokers.Start{At: brokers.StartBeginning}, Events: events,
			})
			must(b, err)
			for range loadSize {
				<-events
			}
			must(b, tap.Close(b.Context()))
		}
		b.ReportMetric(float64(loadSize*b.N)/b.Elapsed().Seconds(), "msg/s")
	})
	b.Run("sarama", func(b *testing.B) {
		for b.Loop() {
			readPlain(b, e, ch.Topic)
		}
		b.ReportMetric(float64(loadSize*b.N)/b.Elapsed().Seconds(), "msg/s")
	})
}

func readPlain(b *testing.B, e *env, topic string) {
	b.Helper()
	c, err := sarama.NewConsumer(e.seeds(), plainConfig())
	must(b, err)
	all := make(chan *sarama.ConsumerMessage, 256)
	stop := startPlain(b, c, topic, loadPartitions, sarama.OffsetOldest, func(m *sarama.ConsumerMessage) { all <- m })
	for range loadSize {
		<-all
	}
	b.StopTimer()
	stop()
	b.StartTimer()
}

// startPlain consumes the partitions; the func that it returns ends that.
func startPlain(b *testing.B, c sarama.Consumer, topic string, partitions int32, from int64, f func(*sarama.ConsumerMessage)) func() {
	b.Helper()
	var done sync.WaitGroup
	var parts []sarama.PartitionConsumer
	for id := range partitions {
		pc, err := c.ConsumePartition(topic, id, from)
		must(b, err)
		parts = append(parts, pc)
		done.Go(func() {
			for m := range pc.Messages() {
				f(m)
			}
		})
	}
	return func() {
		for _, pc := range parts {
			pc.AsyncClose()
		}
		done.Wait()
		must(b, c.Close())
	}
}

// BenchmarkPublishToEvent is the time from Publish to the event of the tap.
func BenchmarkPublishToEvent(b *testing.B) {
	e := realKafka(b)
	ch := e.topic(b, 3)
	p := e.publisher(b)
	a := arm(b, e.tapperWith(b, usual()), brokers.Start{}, ch)
	_, err := p.Publish(soon(b), ch, outgoingText("warm"))
	must(b, err)
	a.next()
	for b.Loop() {
		_, err := p.Publish(context.Background(), ch, outgoingText("x"))
		must(b, err)
		a.next()
	}
}

// BenchmarkArm is the time that Tap takes for a topic of 100 partitions.
func BenchmarkArm(b *testing.B) {
	e := realKafka(b)
	ch := e.topic(b, 100)
	arm(b, e.tapper(b), brokers.Start{}, ch) // waits for the leaders
	b.Run("tap", func(b *testing.B) {
		tp := e.tapperWith(b, usual())
		for b.Loop() {
			tap, err := tp.Tap(b.Context(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
			must(b, err)
			must(b, tap.Close(b.Context()))
		}
	})
	b.Run("sarama", func(b *testing.B) {
		for b.Loop() {
			c, err := sarama.NewConsumer(e.seeds(), plainConfig())
			must(b, err)
			stop := startPlain(b, c, ch.Topic, 100, sarama.OffsetNewest, func(*sarama.ConsumerMessage) {})
			b.StopTimer()
			stop()
			b.StartTimer()
		}
	})
}

// BenchmarkCatchUp and BenchmarkQuiet are one question each, on a quiet topic.
func BenchmarkCatchUp(b *testing.B) {
	e := realKafka(b)
	a := arm(b, e.tapperWith(b, usual()), brokers.Start{}, e.topic(b, 3))
	for b.Loop() {
		_, err := a.tap.CatchUp(context.Background())
		must(b, err)
	}
}

func BenchmarkQuiet(b *testing.B) {
	e := realKafka(b)
	ch := e.topic(b, 3)
	e.join(b, ch.Topic)
	tp := e.tapperWith(b, usual())
	for b.Loop() {
		isQuiet(b, asks(b, tp, ch))
	}
}
