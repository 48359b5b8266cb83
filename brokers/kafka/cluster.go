package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
)

// cluster asks the brokers questions. It keeps one connection to each for that;
// readers open their own, because a broker answers one request of a connection
// after the other, and a fetch waits. Its methods may be called from any
// goroutine.
type cluster struct {
	name  string // in the flow file, for errors
	seeds []string
	conf  *sarama.Config
	tune  tuning
	log   *slog.Logger

	ctx    context.Context //nolint:containedctx // the life of the connections
	cancel context.CancelFunc
	work   sync.WaitGroup // the requests under way

	mu    sync.Mutex
	nodes map[int32]string // the brokers' addresses, by their ids
	conns map[string]*conn // by address
	id    string
}

// conn is a connection to one broker. Its requests wait for one another.
type conn struct {
	*sarama.Broker
	lines *lines
}

// close hangs up, whatever the connection is doing.
func (c *conn) close() {
	c.lines.cut()
	_ = c.Broker.Close()
}

// newCluster reads the settings. It connects to nobody.
func newCluster(cfg brokers.Config, tune tuning) (*cluster, error) {
	seeds, conf, err := settings(cfg)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", cfg.Name, err)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &cluster{
		name: cfg.Name, seeds: seeds, conf: conf, tune: tune, log: log.With("broker", cfg.Name),
		nodes: map[int32]string{}, conns: map[string]*conn{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// close hangs up everywhere and waits for the requests under way.
func (c *cluster) close() {
	c.cancel()
	c.mu.Lock()
	conns := c.conns
	c.conns = nil
	c.mu.Unlock()
	for _, cn := range conns {
		cn.close()
	}
	c.work.Wait()
}

// dial opens a connection of one's own to the broker at addr. sarama connects
// and logs in behind it; the first request tells how that went.
func (c *cluster) dial(addr string) *conn {
	conf := *c.conf
	cn := &conn{Broker: sarama.NewBroker(addr), lines: newLines(c.ctx, c.tune)}
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = cn.lines
	_ = cn.Open(&conf) // settings made the configuration, and it is valid
	return cn
}

// shared is the connection to addr that all questions use; fresh says that it
// was opened for this one.
func (c *cluster) shared(addr string) (cn *conn, fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		return nil, false, net.ErrClosed
	}
	if cn = c.conns[addr]; cn != nil {
		return cn, false, nil
	}
	cn = c.dial(addr)
	c.conns[addr] = cn
	return cn, true, nil
}

// drop forgets a connection that failed.
func (c *cluster) drop(addr string, cn *conn) {
	c.mu.Lock()
	if c.conns[addr] == cn {
		delete(c.conns, addr)
	}
	c.mu.Unlock()
	cn.close()
}

// ask puts one question to the broker at addr. An old connection may have been
// closed by the broker in the meantime: then it tries a new one. When ctx ends
// first, the connection is given up with the question.
func ask[R any](ctx context.Context, c *cluster, addr string, question func(*sarama.Broker) (R, error)) (R, error) {
	for {
		var none R
		cn, fresh, err := c.shared(addr)
		if err != nil {
			return none, err
		}
		answer, err := waitFor(ctx, c, cn, question)
		var refusal sarama.KError
		if err == nil || errors.As(err, &refusal) && !isRefusal(err) || errors.Is(err, sarama.ErrUnsupportedVersion) {
			return answer, err
		}
		mine := fresh && cn.lines.ctx.Err() == nil // else somebody else gave the connection up
		c.drop(addr, cn)
		if mine || ctx.Err() != nil {
			return none, err
		}
	}
}

// waitFor asks on cn and waits for the answer or the end of ctx.
func waitFor[R any](ctx context.Context, c *cluster, cn *conn, question func(*sarama.Broker) (R, error)) (R, error) {
	type reply struct {
		answer R
		err    error
	}
	done := make(chan reply, 1)
	c.work.Go(func() {
		answer, err := question(cn.Broker)
		done <- reply{answer, err}
	})
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
		cn.lines.cut()
		var none R
		return none, ctx.Err()
	}
}

// anyone puts a question to the brokers, one after the other, until one answers.
func anyone[R any](ctx context.Context, c *cluster, question func(*sarama.Broker) (R, error)) (R, error) {
	var errs []error
	var none R
	for _, addr := range c.addresses() {
		answer, err := ask(ctx, c, addr, question)
		if err == nil {
			return answer, nil
		}
		if isRefusal(err) || errors.Is(err, sarama.ErrUnsupportedVersion) {
			return none, fmt.Errorf("%s: %w", addr, err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", addr, err))
		if ctx.Err() != nil {
			break
		}
	}
	return none, errors.Join(errs...)
}

// addresses are all that are known: the brokers', those with a connection
// first, then the ones of the URL.
func (c *cluster) addresses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var known, rest []string
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		addr := c.nodes[id]
		if c.conns[addr] != nil {
			known = append(known, addr)
		} else {
			rest = append(rest, addr)
		}
	}
	for _, addr := range slices.Concat(rest, c.seeds) {
		if !slices.Contains(known, addr) {
			known = append(known, addr)
		}
	}
	return known
}

// address is where the broker with that id is.
func (c *cluster) address(id int32) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr, ok := c.nodes[id]
	if !ok {
		return "", fmt.Errorf("broker %d: %w", id, sarama.ErrBrokerNotFound)
	}
	return addr, nil
}

// brokerIDs are the brokers of the cluster, as last heard.
func (c *cluster) brokerIDs() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.nodes))
}

// learn keeps what a broker said of the cluster.
func (c *cluster) learn(id string, nodes map[int32]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != "" {
		c.id = id
	}
	if len(nodes) > 0 {
		c.nodes = nodes
	}
}

// meet connects, logs in and learns the cluster's id and brokers. ctx and
// tuning.open bound it.
func (c *cluster) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.tune.open)
	defer cancel()
	if err := c.introduce(ctx); err != nil {
		return failed("connect to kafka "+c.name, c.explain(ctx, err))
	}
	return nil
}

// explain finds out why a first connection failed, where the broker has not said
// why: it hangs up on who speaks another protocol, and on who does not log in.
func (c *cluster) explain(ctx context.Context, err error) error {
	kind := kindOf(err)
	if isAny(err, sarama.ErrUnsupportedSASLMechanism) {
		return fmt.Errorf("%w: the listener does not offer %s: say another mechanism with sasl", err, c.conf.Net.SASL.Mechanism)
	}
	if isAny(err, sarama.ErrSASLAuthenticationFailed) {
		return fmt.Errorf("%w: %s", err, loginRemedy(c.conf.Net.SASL.TokenProvider))
	}
	if !errors.Is(kind, brokers.ErrUnreachable) && kind != nil || errors.Is(err, brokers.ErrUnreachable) {
		return err
	}
	for _, addr := range c.seeds {
		probe := brokers.Probe{Dial: c.tune.dial, Addr: addr, Use: "say tls: true, or tls: { ca: … }", Leave: "leave tls away"}
		if c.conf.Net.TLS.Enable {
			probe.TLS = c.conf.Net.TLS.Config
		}
		if trouble := probe.Trouble(ctx); trouble != nil {
			return trouble
		}
	}
	if !isAny(err, io.EOF, io.ErrUnexpectedEOF) {
		return err
	}
	if c.conf.Net.SASL.Enable {
		return fmt.Errorf("%w: the connection was closed during the login: check username, password and sasl, or the listener wants no login: %w", brokers.ErrRefused, err)
	}
	return fmt.Errorf("%w: it closed the connection, as a listener does that wants a login: give username and password, or sasl: %w", brokers.ErrUnreachable, err)
}

// loginRemedy is what to look at after a refused login.
func loginRemedy(by sarama.AccessTokenProvider) string {
	switch by.(type) {
	case tokens:
		return "the broker does not take the token: check its issuer, audience and scopes, and whether it has expired"
	case mskTokens:
		return "IAM has to allow this login kafka-cluster:Connect on the cluster"
	}
	return "check username, password and the mechanism (sasl)"
}

// introduce asks any broker for the cluster's id and brokers.
func (c *cluster) introduce(ctx context.Context) error {
	answer, err := anyone(ctx, c, func(b *sarama.Broker) (*sarama.DescribeClusterResponse, error) {
		req := sarama.NewDescribeClusterRequest(c.conf.Version)
		req.IncludeFencedBrokers = false
		return b.DescribeCluster(req)
	})
	if errors.Is(err, sarama.ErrUnsupportedVersion) { // before Kafka 2.8
		_, err = c.metadata(ctx, nil)
		return err
	}
	if err != nil {
		return err
	}
	nodes := map[int32]string{}
	for _, b := range answer.Brokers {
		nodes[b.BrokerID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	c.learn(answer.ClusterID, nodes)
	return nil
}

// metadata asks for topics; none means all. It never creates one.
func (c *cluster) metadata(ctx context.Context, topics []string) (*sarama.MetadataResponse, error) {
	answer, err := anyone(ctx, c, func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		answer, err := b.GetMetadata(sarama.NewMetadataRequest(c.conf.Version, topics))
		if err == nil && len(answer.Brokers) == 0 { // a broker that has just started
			return nil, sarama.ErrBrokerNotAvailable
		}
		return answer, err
	})
	if err != nil {
		return nil, err
	}
	nodes := map[int32]string{}
	for _, b := range answer.Brokers {
		nodes[b.ID()] = b.Addr()
	}
	id := ""
	if answer.ClusterID != nil {
		id = *answer.ClusterID
	}
	c.learn(id, nodes)
	return answer, nil
}
