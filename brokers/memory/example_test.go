package memory_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// The system consumes its queue; a tap sees what its consumer refused.
func Example() {
	ctx := context.Background()
	server := memory.New(memory.Options{Name: "shop"})

	// The system.
	err := errors.Join(
		server.DeclareExchange("shipping", memory.Topic),
		server.DeclareExchange("shipping.dlx", memory.Fanout),
		server.DeclareQueue("shipments", memory.QueueOptions{DeadLetter: &memory.DeadLetter{Exchange: "shipping.dlx"}}),
		server.Bind("shipping", "shipment.*", "shipments"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	worker, err := server.Consume("shipments")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer worker.Close()

	// flowcheck.
	tapper, err := memory.Adapter(server).OpenTapper(ctx, brokers.Config{URL: "memory://shop", RunID: "r1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tapper.Close()
	events := make(chan message.Event, 10)
	_, err = tapper.Tap(ctx, brokers.TapConfig{
		Channels: []brokers.Channel{{Name: "dead", Exchange: "shipping.dlx"}},
		Events:   events,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	if _, err := server.Publish("shipping", "shipment.new", message.Message{Payload: []byte(`{"order":"o-1"}`)}); err != nil {
		fmt.Println(err)
		return
	}
	shipment, err := worker.Next(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	shipment.Reject(false)

	o := (<-events).Observation
	reason, _ := o.Header("x-first-death-reason")
	fmt.Println(o.Channel, o.Position, string(o.Payload), reason)
	// Output: dead 1 {"order":"o-1"} rejected
}
