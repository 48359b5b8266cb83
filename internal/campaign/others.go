package campaign

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rabbitmq/amqp091-go"
)

// Others sends to exchanges of RabbitMQ and a topic of SNS, each message behind the
// one before it. Ship and Mail are for one goroutine.
type Others struct {
	conn      *amqp091.Connection
	ch        *amqp091.Channel
	exchanges []string
	sns       *sns.Client
	topic     string

	shipments chan shipment
	mails     chan string
	work      sync.WaitGroup
	mu        sync.Mutex
	err       error
}

type shipment struct{ exchange, body string }

// waiting is how many messages wait for a broker at most before all wait.
const waiting = 10_000

// NewOthers makes the topic and the exchanges, on a RabbitMQ and an emulator of SNS.
func NewOthers(rabbitmq, cloud, topic string, exchanges ...string) (*Others, error) {
	s := &Others{exchanges: exchanges, shipments: make(chan shipment, waiting), mails: make(chan string, waiting)}
	var err error
	if s.conn, err = amqp091.Dial(rabbitmq); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	if s.ch, err = s.conn.Channel(); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	for _, name := range exchanges {
		if err := s.ch.ExchangeDeclare(name, amqp091.ExchangeTopic, true, false, false, false, nil); err != nil {
			return nil, fmt.Errorf("rabbitmq: %w", err)
		}
	}
	s.sns = sns.New(sns.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(cloud), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	made, err := s.sns.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: aws.String(topic)})
	if err != nil {
		return nil, fmt.Errorf("sns: %w", err)
	}
	s.topic = aws.ToString(made.TopicArn)
	s.work.Go(func() { each(s, s.shipments, s.publish) })
	s.work.Go(func() { each(s, s.mails, s.mail) })
	return s, nil
}

func each[T any](s *Others, items <-chan T, send func(T) error) {
	for m := range items {
		if err := send(m); err != nil {
			s.mu.Lock()
			s.err = errors.Join(s.err, err)
			s.mu.Unlock()
			return
		}
	}
}

func (s *Others) publish(m shipment) error {
	return s.ch.Publish(m.exchange, "x", false, false, amqp091.Publishing{Body: []byte(m.body), DeliveryMode: amqp091.Persistent})
}

func (s *Others) mail(body string) error {
	_, err := s.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: aws.String(s.topic), Message: aws.String(body)})
	return err
}

// Ship sends a message to an exchange.
func (s *Others) Ship(exchange, body string) { s.shipments <- shipment{exchange, body} }

// Mail sends a message to the topic of SNS.
func (s *Others) Mail(body string) { s.mails <- body }

// Wait waits until all is sent: nothing may be sent afterwards. It returns what went
// wrong on the way.
func (s *Others) Wait() error {
	close(s.shipments)
	close(s.mails)
	s.work.Wait()
	return s.err
}

// Close removes the exchanges and the topic.
func (s *Others) Close() {
	for _, name := range s.exchanges {
		_ = s.ch.ExchangeDelete(name, false, false)
	}
	_ = s.conn.Close()
	_, _ = s.sns.DeleteTopic(context.Background(), &sns.DeleteTopicInput{TopicArn: aws.String(s.topic)})
}
