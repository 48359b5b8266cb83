package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/scenarios/proxy"
)

// others sends to RabbitMQ and SNS, each message behind the one before it.
type others struct {
	conn     *amqp091.Connection
	ch       *amqp091.Channel
	exchange string
	sns      *sns.Client
	topic    string

	shipments, mails chan item
	work             sync.WaitGroup
	mu               sync.Mutex
	err              error
}

// waiting is how many messages wait for a broker at most before all wait.
const waiting = 10_000

func newOthers(o options, exchange, topic string) (*others, error) {
	s := &others{exchange: exchange, shipments: make(chan item, waiting), mails: make(chan item, waiting)}
	var err error
	if s.conn, err = amqp091.Dial(o.rabbitmq); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	if s.ch, err = s.conn.Channel(); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	if err := s.ch.ExchangeDeclare(exchange, amqp091.ExchangeTopic, true, false, false, false, nil); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	s.sns = sns.New(sns.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(o.cloud), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	made, err := s.sns.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: aws.String(topic)})
	if err != nil {
		return nil, fmt.Errorf("sns: %w", err)
	}
	s.topic = aws.ToString(made.TopicArn)
	s.work.Go(func() { s.each(s.shipments, s.ship) })
	s.work.Go(func() { s.each(s.mails, s.mail) })
	return s, nil
}

func (s *others) each(items <-chan item, send func(item) error) {
	for m := range items {
		if err := send(m); err != nil {
			s.mu.Lock()
			s.err = errors.Join(s.err, err)
			s.mu.Unlock()
			return
		}
	}
}

func (s *others) ship(m item) error {
	return s.ch.Publish(s.exchange, "shipped", false, false, amqp091.Publishing{Body: []byte(m.body), DeliveryMode: amqp091.Persistent})
}

func (s *others) mail(m item) error {
	_, err := s.sns.Publish(context.Background(), &sns.PublishInput{TopicArn: aws.String(s.topic), Message: aws.String(m.body)})
	return err
}

func (s *others) send(m item) {
	if m.to == toExchange {
		s.shipments <- m
	} else {
		s.mails <- m
	}
}

// wait waits until all is sent: nothing may be sent afterwards.
func (s *others) wait() error {
	close(s.shipments)
	close(s.mails)
	s.work.Wait()
	return s.err
}

func (s *others) close() {
	_ = s.ch.ExchangeDelete(s.exchange, false, false)
	_ = s.conn.Close()
	_, _ = s.sns.DeleteTopic(context.Background(), &sns.DeleteTopicInput{TopicArn: aws.String(s.topic)})
}

// addresses are where a shadow reaches the brokers.
type addresses struct{ kafka, rabbitmq, cloud string }

func (o *options) direct() addresses { return addresses{"kafka://" + o.kafka, o.rabbitmq, o.cloud} }

// proxies stand between the victim and the brokers.
type proxies struct {
	all []*proxy.Proxy
	at  addresses
}

func newProxies(o options) (*proxies, error) {
	p := &proxies{}
	rabbitmq, err := url.Parse(o.rabbitmq)
	if err != nil {
		return nil, err
	}
	cloud, err := url.Parse(o.cloud)
	if err != nil {
		return nil, err
	}
	for _, way := range []struct{ listen, to string }{
		{o.proxy, o.behind}, {"127.0.0.1:0", rabbitmq.Host}, {"127.0.0.1:0", cloud.Host},
	} {
		one, err := proxy.Start(way.listen, way.to)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.all = append(p.all, one)
	}
	rabbitmq.Host, cloud.Host = p.all[1].Address(), p.all[2].Address()
	p.at = addresses{"kafka://" + o.proxy, rabbitmq.String(), strings.TrimSuffix(cloud.String(), "/")}
	return p, nil
}

func (p *proxies) close() error {
	for _, one := range p.all {
		one.Close()
	}
	return nil
}
