package shop

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/flowcheck/flowcheck/brokers/memory"
)

// TestOrdersArePaid sends orders to a shop on embedded brokers and waits for
// their payments.
func TestOrdersArePaid(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	server := memory.New(memory.Options{Name: "shop"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := Start(ctx, Config{
		Kafka: cluster.ListenAddrs(), Tasks: MemoryTasks(server), Mails: MemoryMails(server),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	consumer, err := sarama.NewConsumer(cluster.ListenAddrs(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	paid := make(chan *sarama.ConsumerMessage)
	for p := range int32(partitions) {
		pc, err := consumer.ConsumePartition(topicPayments, p, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		defer pc.AsyncClose()
		go func() {
			for m := range pc.Messages() {
				select {
				case paid <- m:
				case <-ctx.Done():
				}
			}
		}()
	}
	began := time.Now()
	const n = 10
	for i := range n {
		body := fmt.Sprintf(`{"type":"OrderPlaced","orderId":"o-%d","total":1,"shipTo":"DE","lines":[{"sku":"A","qty":1}]}`, i)
		if err := s.events.produce(row{to: topicOrders, key: "one", body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		select {
		case m := <-paid:
			t.Logf("%v %s", time.Since(began), m.Value)
		case <-ctx.Done():
			t.Fatal("not every order was paid")
		}
	}
}
