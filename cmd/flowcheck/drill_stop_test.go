package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
)

const stoppingFlow = `flowcheck: 1
flow: orders
timeout: 1s
brokers: { events: "kafka://${env.KAFKA}" }
channels: { orders: { broker: events, topic: orders } }
correlate: { order: body.order }
steps: { placed: { channel: orders, count: 2 } }
`

// TestReplayWhoseTargetStops: what came of it is no pass, and no change, since half of
// each order was not sent; the same command goes on from there, and sends nothing twice.
func TestReplayWhoseTargetStops(t *testing.T) {
	t.Parallel()
	const messages = 60
	lines := []string{`{"flowcheck":"recording/1","flow":"orders","started":"2026-11-22T10:00:00Z"}`}
	for i := range messages {
		lines = append(lines, fmt.Sprintf(`{"channel":"orders","seen":"2026-11-22T10:00:%02d.%dZ","position":"0@%d","key":"k","body":{"order":"order-%03d","n":%d}}`, i/10, i%10, i, i%(messages/2), i))
	}
	flow, recording := write(t, "orders.flow.yaml", stoppingFlow), write(t, "past.jsonl", strings.Join(lines, "\n")+"\n")
	state := filepath.Join(t.TempDir(), "state")
	sent := map[string]int{}
	for round := range 2 {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
		if err != nil {
			t.Fatal(err)
		}
		var out, errs output
		a := processApp()
		a.out, a.err, a.isTerminal = &out, &errs, false
		a.env["KAFKA"] = cluster.ListenAddrs()[0]
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		code := make(chan int, 1)
		go func() {
			code <- execute(ctx, []string{"replay", flow, recording, "--same-target", "--state", state}, a)
		}()
		if round == 0 {
			await(t, "ten are sent", func() bool { return strings.Count(fileText(state), "\nd ") >= 10 })
			countSent(t, cluster, sent)
			acknowledged := strings.Count(fileText(state), "\nd ")
			cluster.Close()
			got := <-code
			if got != exitUnknown || !strings.Contains(errs.String(), "of 60 messages were sent") || acknowledged > messages/2 {
				t.Errorf("exit code %d, %d sent: %s%s", got, acknowledged, &out, &errs)
			}
		} else {
			if got := <-code; got != exitUnknown && got != exitPass || !strings.Contains(errs.String(), "none of them is sent again") {
				t.Errorf("exit code %d: %s%s", got, &out, &errs)
			}
			countSent(t, cluster, sent)
			cluster.Close()
		}
		cancel()
	}
	if !strings.HasSuffix(fileText(state), "\ne\n") {
		t.Error("the second replay is not complete")
	}
	for body, n := range sent {
		if n > 1 {
			t.Errorf("%s was sent %d times", body, n)
		}
	}
	if len(sent) < messages/2 {
		t.Errorf("only %d were sent", len(sent))
	}
}

// countSent adds what is on the topic.
func countSent(t *testing.T, cluster *kfake.Cluster, sent map[string]int) {
	t.Helper()
	client, err := sarama.NewClient(cluster.ListenAddrs(), sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	end, err := client.GetOffset("orders", 0, sarama.OffsetNewest)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	part, err := consumer.ConsumePartition("orders", 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer part.AsyncClose()
	for range end {
		select {
		case m := <-part.Messages():
			sent[string(m.Value)]++
		case <-t.Context().Done():
			t.Fatal("not all of it could be read")
		}
	}
}
