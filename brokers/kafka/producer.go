package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// errNotSent: the message has not left.
var errNotSent = errors.New("not sent")

// producer is one of sarama's, with an answer for each message. Its methods may
// be called from any goroutine.
type producer struct {
	lines  *lines
	client sarama.Client
	async  sarama.AsyncProducer
	work   sync.WaitGroup // the two goroutines that hand out the answers
	users  sync.WaitGroup // of publisher.take

	mu     sync.RWMutex // held to read while something is put into async.Input
	closed chan struct{}
	once   sync.Once
}

// sending is what a message carries through sarama.
type sending struct {
	partition *int32
	done      chan error
	then      func(error) // nil: done is told
}

func (s *sending) end(err error) {
	if s.then != nil {
		s.then(err)
		return
	}
	s.done <- err
}

// openProducer connects. alone sends each message in a batch of its own.
func openProducer(ctx context.Context, c *cluster, alone bool) (*producer, error) {
	p := &producer{lines: newLines(c.ctx, c.tune), closed: make(chan struct{})}
	conf := *c.conf
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = p.lines
	conf.Net.MaxOpenRequests = 1 // sarama demands it of an idempotent producer
	conf.Producer.Idempotent = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Return.Successes = true
	conf.Producer.Return.Errors = true
	conf.Producer.Partitioner = newPartitioner
	conf.Producer.Retry.Backoff = 50 * time.Millisecond
	conf.Producer.Retry.Max = 10
	conf.Producer.Transaction.Retry.Max = 5 // the producer id is asked for as often, too
	if alone {
		conf.Producer.Flush.MaxMessages = 1
		conf.Producer.MaxMessageBytes = int(sarama.MaxRequestSize) - 64<<10 // the broker judges the rest
	}
	ctx, cancel := context.WithTimeout(ctx, c.tune.open)
	defer cancel()
	stop := context.AfterFunc(ctx, p.lines.cut)
	err := p.open(c, &conf)
	if err != nil {
		stop()
		return nil, failed("connect to kafka "+c.name, err)
	}
	p.work.Add(2)
	go p.successes()
	go p.failures()
	if !stop() {
		p.close()
		return nil, failed("connect to kafka "+c.name, ctx.Err())
	}
	return p, nil
}

func (p *producer) open(c *cluster, conf *sarama.Config) (err error) {
	if p.client, err = sarama.NewClient(c.addresses(), conf); err != nil {
		return err
	}
	if p.async, err = sarama.NewAsyncProducerFromClient(p.client); err != nil {
		p.lines.cut()
		_ = p.client.Close()
	}
	return err
}

// send returns when the broker has the message, or with sarama's error. msg has
// then its partition, offset and time.
func (p *producer) send(ctx context.Context, msg *sarama.ProducerMessage) error {
	if err := p.put(ctx, msg); err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	select {
	case err := <-msg.Metadata.(*sending).done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put gives the message to sarama, unless the producer is closed: sarama would
// panic then.
func (p *producer) put(ctx context.Context, msg *sarama.ProducerMessage) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	select {
	case <-p.closed:
		return sarama.ErrClosedClient
	default:
	}
	select {
	case p.async.Input() <- msg:
		return nil
	case <-p.closed:
		return sarama.ErrClosedClient
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *producer) successes() {
	defer p.work.Done()
	for msg := range p.async.Successes() {
		msg.Metadata.(*sending).end(nil)
	}
}

func (p *producer) failures() {
	defer p.work.Done()
	for failure := range p.async.Errors() {
		failure.Msg.Metadata.(*sending).end(failure.Err)
	}
}

// close hangs up: whatever waits for an answer fails.
func (p *producer) close() {
	p.once.Do(func() {
		close(p.closed)
		p.lines.cut()
		p.mu.Lock() // nothing is put in any more
		p.async.AsyncClose()
		p.mu.Unlock()
		p.work.Wait()
		_ = p.client.Close()
	})
}

// partitioner obeys Outgoing.Partition and else hashes the key as Java's client
// does (murmur2), which sarama by default does not: without it flowcheck's
// messages of a key would lie in another partition than the system's.
type partitioner struct{ byKey sarama.Partitioner }

func newPartitioner(topic string) sarama.Partitioner {
	return partitioner{sarama.NewMurmur2Partitioner(topic)}
}

// Partition implements sarama.Partitioner.
func (p partitioner) Partition(msg *sarama.ProducerMessage, n int32) (int32, error) {
	if chosen := msg.Metadata.(*sending).partition; chosen != nil {
		return *chosen, nil // sarama checks the range
	}
	return p.byKey.Partition(msg, n)
}

// RequiresConsistency implements sarama.Partitioner.
func (p partitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency implements sarama.DynamicConsistencyPartitioner:
// a message without a key may go to any partition that has a leader.
func (p partitioner) MessageRequiresConsistency(msg *sarama.ProducerMessage) bool {
	return msg.Metadata.(*sending).partition != nil || msg.Key != nil
}
