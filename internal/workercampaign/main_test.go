package main

import (
	"context"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

// TestTwoWorkers is the campaign in short, on all three kinds of brokers.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	o := options{kafka: testbroker.Kafka(t), rabbitmq: testbroker.RabbitMQ(t), cloud: testbroker.Ministack(t), all: true, rate: 30, length: 3 * time.Second, session: 6 * time.Second, seed: 7}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o.flowcheck = testprogram.Build(t)
	if err := share(ctx, o, 2); err != nil {
		t.Fatal(err)
	}
}
