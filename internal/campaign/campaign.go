// Package campaign is what the programs share that put shadows under load, disturb
// some, and hold what those have found against one that is left alone.
package campaign

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/await"
)

// Wait looks until it is so or fails, for five minutes.
func Wait(ctx context.Context, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return await.Until(ctx, 200*time.Millisecond, is)
}

// Same reports whether both have the same ids.
func Same(a, b map[string]string) bool {
	return maps.EqualFunc(a, b, func(string, string) bool { return true })
}

// Only writes what one has and the other has not, of many the first twenty.
func Only(w io.Writer, who string, a, b map[string]string) {
	n := 0
	for id, text := range a {
		if _, ok := b[id]; ok {
			continue
		}
		if n++; n <= 20 {
			fmt.Fprintf(w, "only %s: %s\n", who, text)
		}
	}
}

// Producer makes the topics and returns a producer that keeps the order within a
// partition. The address may be a URL.
func Producer(kafka string, partitions int32, topics ...string) (sarama.SyncProducer, error) {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.Return.Successes = true
	conf.Producer.Idempotent = true
	conf.Net.MaxOpenRequests = 1
	conf.Producer.RequiredAcks = sarama.WaitForAll
	address := strings.Split(strings.TrimPrefix(kafka, "kafka://"), ",")
	admin, err := sarama.NewClusterAdmin(address, conf)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	for _, topic := range topics {
		if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
			return nil, err
		}
	}
	return sarama.NewSyncProducer(address, conf)
}
