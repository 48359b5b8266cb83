package main

import (
	"context"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/internal/testprogram"
)

// TestAFewKills is the campaign's beginning.
func TestAFewKills(t *testing.T) {
	testbroker.Kafka(t)
	testbroker.RabbitMQ(t)
	testbroker.Ministack(t)
	o := options{kills: 5, cuts: 3, rate: 40, seed: 7}
	o.brokers()
	o.flowcheck = testprogram.Build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := hold(ctx, o); err != nil {
		t.Fatal(err)
	}
}
