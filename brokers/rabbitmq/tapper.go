package rabbitmq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// prefix begins the name of everything that a tap creates.
const prefix = "flowcheck-"

func ours(name string) bool { return strings.HasPrefix(name, prefix) }

// closeTimeout bounds what Tapper.Close undoes.
const closeTimeout = 10 * time.Second

// tapper asks by one connection and the management API; each tap has a
// connection of its own, so that what cuts one off spares the others.
type tapper struct {
	address *address
	control *link
	api     *management
	cluster string
	limits  limits

	apiChecked sync.Mutex // held while the API is asked which cluster it is of
	apiSame    bool

	mu       sync.Mutex
	closed   bool
	taps     map[*tap]bool
	echoes   *publisher           // markers for CatchUp; connected with the first tap
	activity map[string]time.Time // by channel: when work was last seen
}

// limits cap a tap's queue, so that a tap that is not read does not fill the
// broker.
type limits struct {
	messages int64
	bytes    int64
	prefetch int           // deliveries in the tap's hands
	expires  time.Duration // of a durable queue that nobody reads
	look     time.Duration // how often the bindings are looked at
}

func usual() limits {
	return limits{messages: 100_000, bytes: 128 << 20, prefetch: 200, expires: time.Hour, look: 5 * time.Second}
}

func openTapper(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
	a, err := newAddress(cfg)
	if err != nil {
		return nil, err
	}
	api, err := newManagement(a)
	if err != nil {
		return nil, err
	}
	t := &tapper{
		address: a, api: api, limits: usual(),
		control: &link{address: a, purpose: "control"},
		taps:    map[*tap]bool{}, activity: map[string]time.Time{},
	}
	conn, err := t.control.connection(ctx)
	if err != nil {
		return nil, err
	}
	t.cluster, _ = conn.Properties["cluster_name"].(string)
	return t, nil
}

// Identify returns the name of the cluster, as the broker tells it at login.
func (t *tapper) Identify(context.Context) (message.BrokerIdentity, error) {
	if t.cluster == "" {
		return message.BrokerIdentity{}, fmt.Errorf("broker %s does not tell the name of its cluster", t.address.broker)
	}
	return message.BrokerIdentity{Kind: kind, ID: t.cluster}, nil
}

// askable tells why the management API may not be asked: it does not answer, or
// it is another broker's.
func (t *tapper) askable(ctx context.Context) error {
	t.apiChecked.Lock()
	defer t.apiChecked.Unlock()
	if t.apiSame {
		return nil
	}
	name, err := t.api.clusterName(ctx)
	if err != nil {
		return err
	}
	if name != "" && t.cluster != "" && name != t.cluster {
		return fmt.Errorf("%w: management API at %s%s speaks for cluster %s, the broker is %s", brokers.ErrUnreachable, t.api.base, t.api.hint(), name, t.cluster)
	}
	t.apiSame = true
	return nil
}

// Tap arms one reader a channel.
func (t *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	targets, err := t.resolveAll(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := t.openEchoes(ctx); err != nil {
		return nil, err
	}
	tp := newTap(t, cfg, targets)
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, fmt.Errorf("broker %s: the tapper is %w", t.address.broker, errClosed)
	}
	t.taps[tp] = true
	tp.running.Add(1) // nothing is removed before it is armed or has given up
	t.mu.Unlock()
	if err = tp.arm(ctx); err == nil {
		tp.start()
	}
	tp.running.Done()
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return nil, errors.Join(err, tp.Close(undo))
	}
	return tp, nil
}

func (t *tapper) resolveAll(ctx context.Context, cfg brokers.TapConfig) ([]target, error) {
	var targets []target
	for _, ch := range cfg.Channels {
		if cfg.Start.At != brokers.StartEnd && ch.Stream == "" {
			return nil, fmt.Errorf("channel %s: RabbitMQ keeps no messages to start from, except in streams: a tap of an exchange or a queue starts at the end", ch.Name)
		}
		tg, err := t.resolve(ctx, ch)
		if err != nil {
			return nil, err
		}
		targets = append(targets, tg)
	}
	return targets, ctx.Err()
}

// openEchoes connects the publisher of the markers. It has a connection of its
// own: a broker short of memory stops reading from connections that publish.
func (t *tapper) openEchoes(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.echoes != nil {
		return nil
	}
	t.echoes = newPublisher(t.address, "markers")
	if err := t.echoes.connect(ctx); err != nil {
		return errors.Join(err, t.closeEchoes())
	}
	return nil
}

func (t *tapper) closeEchoes() error {
	p := t.echoes
	t.echoes = nil
	return p.Close()
}

// echo sends a marker through a tap's queue.
func (t *tapper) echo(ctx context.Context, queue, id string) error {
	t.mu.Lock()
	p := t.echoes
	t.mu.Unlock()
	if p == nil {
		return errClosed
	}
	m := message.Message{Properties: map[string]any{propMessageID: id, propDeliveryMode: int64(amqp091.Transient)}}
	_, err := p.Publish(ctx, brokers.Channel{Exchange: queue, RoutingKeys: []string{queue}}, brokers.Outgoing{Message: m})
	return err
}

// active notes that there was work on a channel.
func (t *tapper) active(channel string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.activity[channel]) {
		t.activity[channel] = at
	}
}

// Close ends the taps and the connections.
func (t *tapper) Close() error {
	t.mu.Lock()
	t.closed = true
	var open []*tap
	for tp := range t.taps {
		open = append(open, tp)
	}
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	for _, tp := range open {
		errs = append(errs, tp.Close(ctx))
	}
	t.mu.Lock()
	if t.echoes != nil {
		errs = append(errs, t.closeEchoes())
	}
	t.mu.Unlock()
	t.control.close()
	t.api.close()
	return errors.Join(errs...)
}

// forget drops a tap that has been closed.
func (t *tapper) forget(tp *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taps, tp)
}

// token makes names that nobody else has.
func token() string { return strings.ToLower(rand.Text()[:10]) }
