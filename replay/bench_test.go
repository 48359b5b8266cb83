package replay_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/kafka"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// benchShipments, of benchKeys keys, are sent in each round.
const (
	benchShipments = 500_000
	benchKeys      = 10_000
)

// BenchmarkSendToKafka sends triggers of 400 bytes to a real Kafka, as fast as it
// takes them, and then reads them back: the order within each key has to be kept.
func BenchmarkSendToKafka(b *testing.B) {
	addr := testbroker.Kafka(b)
	f, topic := loadFlow(b, flowFile), benchTopic(b, addr)
	publisher, err := kafka.Adapter().OpenPublisher(b.Context(), brokers.Config{Name: "b", URL: "kafka://" + addr, RunID: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer publisher.Close()
	p := &replay.Plan{Flow: f, Chains: []replay.Chain{{}}}
	for i := range benchShipments {
		key := i % benchKeys
		p.Shipments = append(p.Shipments, replay.Shipment{
			Trigger: flows.Trigger{Message: message.Message{
				Key: fmt.Appendf(nil, "key-%d", key), Payload: benchPayload(i),
			}},
			Number: i + 1, Lane: uint64(key),
		})
	}
	s := &replay.Sender{
		Plan: p, Publishers: map[int]brokers.Publisher{0: publisher}, Channels: []brokers.Channel{{Name: "orders", Topic: topic}, {}}, Run: "bench", Now: time.Now,
	}
	before := cpuTime(b)
	for b.Loop() {
		if err := s.Send(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchShipments)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(benchShipments*b.N), "cpu-µs/message")
	checkOrder(b, addr, topic, b.N*benchShipments)
}

// BenchmarkPlainProducer sends the same messages with the client library alone, as
// its users do where none may be lost or doubled: what a replay is measured by.
func BenchmarkPlainProducer(b *testing.B) {
	addr := testbroker.Kafka(b)
	topic := benchTopic(b, addr)
	conf := sarama.NewConfig()
	conf.Version, conf.Net.MaxOpenRequests = sarama.V2_8_0_0, 1
	conf.Producer.Idempotent, conf.Producer.RequiredAcks, conf.Producer.Return.Successes = true, sarama.WaitForAll, true
	p, err := sarama.NewAsyncProducer([]string{addr}, conf)
	if err != nil {
		b.Fatal(err)
	}
	defer p.AsyncClose()
	before := cpuTime(b)
	for b.Loop() {
		go func() {
			for i := range benchShipments {
				p.Input() <- &sarama.ProducerMessage{
					Topic: topic, Key: sarama.StringEncoder(fmt.Sprintf("key-%d", i%benchKeys)), Value: sarama.ByteEncoder(benchPayload(i)),
				}
			}
		}()
		for range benchShipments {
			select {
			case <-p.Successes():
			case err := <-p.Errors():
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(benchShipments)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/1e3/float64(benchShipments*b.N), "cpu-µs/message")
}

// benchTopic makes a topic, and removes it in the end.
func benchTopic(b *testing.B, addr string) string {
	b.Helper()
	topic := fmt.Sprintf("replay-%d", time.Now().UnixNano())
	admin, err := sarama.NewClusterAdmin([]string{addr}, sarama.NewConfig())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = admin.DeleteTopic(topic)
		_ = admin.Close()
	})
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false); err != nil {
		b.Fatal(err)
	}
	return topic
}

var benchPadding = strings.Repeat("x", 350)

func benchPayload(i int) []byte {
	return fmt.Appendf(nil, `{"order":"o-%07d","n":"%s"}`, i, benchPadding)
}

// cpuTime is what this process has had of the processors so far, on all of them.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// checkOrder reads the topic: within a key, numbers may only go back where a round
// begins anew.
func checkOrder(b *testing.B, addr, topic string, want int) {
	b.Helper()
	consumer, err := sarama.NewConsumer([]string{addr}, sarama.NewConfig())
	if err != nil {
		b.Fatal(err)
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	all := make(chan *sarama.ConsumerMessage, 1024)
	for partition := range int32(4) {
		pc, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		if err != nil {
			b.Fatal(err)
		}
		defer pc.AsyncClose()
		go func() {
			for m := range pc.Messages() {
				select {
				case all <- m:
				case <-ctx.Done():
				}
			}
		}()
	}
	last, back := map[string]string{}, map[string]int{}
	for range want {
		select {
		case m := <-all:
			key, value := string(m.Key), string(m.Value[:len(`{"order":"o-0000000`)])
			if value <= last[key] {
				back[key]++
			}
			last[key] = value
		case <-ctx.Done():
			b.Fatal("not all of it is there")
		}
	}
	for key, n := range back {
		if n != b.N-1 {
			b.Fatalf("%s went back %d times in %d rounds", key, n, b.N)
		}
	}
}
