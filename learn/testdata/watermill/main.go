// Watermill's own example of a router with middleware, shortened: a generator
// publishes incoming messages, a handler answers each with another, and a poison
// queue takes what cannot be handled.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

type event struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

type processed struct {
	ProcessedID string    `json:"processed_id"`
	Amount      int       `json:"amount"`
	Time        time.Time `json:"time"`
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	brokers := []string{os.Getenv("KAFKA")}
	logger := watermill.NewStdLogger(false, false)
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}, logger)
	if err != nil {
		return err
	}
	config := kafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: "watermill", OverwriteSaramaConfig: config,
		InitializeTopicDetails: &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1},
	}, logger)
	if err != nil {
		return err
	}
	for _, topic := range []string{"events", "events-processed", "poison"} {
		if err := subscriber.SubscribeInitialize(topic); err != nil {
			return err
		}
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	poison, err := middleware.PoisonQueue(publisher, "poison")
	if err != nil {
		return err
	}
	router.AddMiddleware(poison, middleware.Recoverer)
	router.AddHandler("process", "events", subscriber, "events-processed", publisher, process)
	go func() {
		<-router.Running()
		if err := generate(publisher); err != nil {
			log.Print(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return router.Run(ctx)
}

// generate publishes forty events, every tenth of them without an amount.
func generate(publisher message.Publisher) error {
	for n := 1; n <= 40; n++ {
		e := event{ID: fmt.Sprintf("event-%04d", n), Amount: n % 10}
		payload, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if err := publisher.Publish("events", message.NewMessage(watermill.NewUUID(), payload)); err != nil {
			return err
		}
	}
	return nil
}

func process(msg *message.Message) ([]*message.Message, error) {
	var e event
	if err := json.Unmarshal(msg.Payload, &e); err != nil {
		return nil, err
	}
	if e.Amount == 0 {
		return nil, errors.New("an event without an amount")
	}
	payload, err := json.Marshal(processed{ProcessedID: e.ID, Amount: e.Amount, Time: time.Now().UTC()})
	if err != nil {
		return nil, err
	}
	return message.Messages{message.NewMessage(watermill.NewUUID(), payload)}, nil
}
