package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// tapper implements brokers.Tapper, Identifier and Watcher.
type tapper struct {
	c *cluster

	mu     sync.Mutex
	taps   []*tap
	closed bool
}

func openTapper(ctx context.Context, cfg brokers.Config, tune tuning) (*tapper, error) {
	c, err := newCluster(cfg, tune)
	if err != nil {
		return nil, err
	}
	if err := c.meet(ctx); err != nil {
		c.close()
		return nil, err
	}
	return &tapper{c: c}, nil
}

// Tap implements brokers.Tapper. The tap is armed by the offsets that it asks
// for here: it reads everything from them on, however late it gets to it.
func (tp *tapper) Tap(ctx context.Context, cfg brokers.TapConfig) (brokers.Tap, error) {
	channels, err := byTopic(cfg.Channels)
	if err != nil {
		return nil, err
	}
	topics, err := tp.arm(ctx, channels, cfg)
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	t := newTap(tp, cfg, topics)
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.closed {
		t.cancel()
		return nil, fmt.Errorf("tap: the connection to kafka %s is closed", tp.c.name)
	}
	tp.taps = append(tp.taps, t)
	t.start()
	return t, nil
}

// byTopic groups the channels' names by their topics.
func byTopic(channels []brokers.Channel) (map[string][]string, error) {
	topics := map[string][]string{}
	for _, ch := range channels {
		if err := check(ch); err != nil {
			return nil, fmt.Errorf("%w: %w", brokers.ErrNotTappable, err)
		}
		topics[ch.Topic] = append(topics[ch.Topic], ch.Name)
	}
	return topics, nil
}

// arm makes the partitions, each at its start.
func (tp *tapper) arm(ctx context.Context, channels map[string][]string, cfg brokers.TapConfig) (map[string]*tapped, error) {
	topics := map[string]*tapped{}
	if len(channels) == 0 {
		return topics, nil
	}
	names := make([]string, 0, len(channels))
	for name := range channels {
		names = append(names, name)
	}
	found, err := tp.c.existing(ctx, names)
	if err != nil {
		return nil, err
	}
	spots := map[spot]place{}
	for name, t := range found {
		topics[name] = &tapped{id: t.id, channels: channels[name], parts: map[int32]*partition{}}
		for id, at := range t.places {
			if cfg.Share == nil || cfg.Share(brokers.Channel{Topic: name}, id) {
				spots[spot{name, id}] = at
			}
		}
	}
	starts, err := tp.c.starts(ctx, spots, cfg.Start)
	if err != nil {
		return nil, err
	}
	if err := tp.c.resume(ctx, starts, channels, cfg.Resume); err != nil {
		return nil, err
	}
	if err := tp.c.readable(ctx, spots, starts); err != nil {
		return nil, err
	}
	for s, at := range spots {
		p := newPartition(s, channels[s.topic], starts[s].next)
		p.at, p.base, p.gaps, p.fenced = at, starts[s].end, starts[s].gaps, !cfg.Durable
		topics[s.topic].parts[s.partition] = p
	}
	return topics, nil
}

// readable makes sure that the login may read, by a fetch that does not wait.
func (c *cluster) readable(ctx context.Context, spots map[spot]place, starts map[spot]begin) error {
	open := map[int32][]spot{}
	for s, at := range spots {
		open[at.leader] = append(open[at.leader], s)
	}
	for leader, spots := range open {
		addr, err := c.address(leader)
		if err != nil {
			return failed("tap", err)
		}
		answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.FetchResponse, error) {
			req := newFetch(0)
			req.MaxBytes = 1
			for _, s := range spots {
				req.AddBlock(s.topic, s.partition, starts[s].next, 1, -1)
			}
			return b.Fetch(req)
		})
		if err != nil {
			return failed("fetch from "+addr, err)
		}
		for _, s := range spots {
			// anything but a refusal is the readers' to deal with
			if block := answer.GetBlock(s.topic, s.partition); block != nil && isRefusal(block.Err) {
				return failed(fmt.Sprintf("read topic %s of kafka %s (it needs Read on Topic:%s)", s.topic, c.name, s.topic), block.Err)
			}
		}
	}
	return nil
}

// Plan implements brokers.Tapper. On Kafka a tap creates nothing.
func (tp *tapper) Plan(ctx context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	topics, err := byTopic(cfg.Channels)
	if err != nil {
		return nil, err
	}
	var plan []brokers.Action
	for _, ch := range cfg.Channels {
		if len(topics[ch.Topic]) == 0 {
			continue // another channel has the same topic
		}
		delete(topics, ch.Topic)
		found, err := tp.c.existing(ctx, []string{ch.Topic})
		if err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		plan = append(plan, brokers.Action{
			Verb:       "read",
			Object:     fmt.Sprintf("topic %s, %d partitions, without a consumer group", ch.Topic, len(found[ch.Topic].places)),
			Permission: fmt.Sprintf("Describe and Read on Topic:%s", ch.Topic),
		})
		if cfg.Durable {
			continue // nobody waits until the consumers have taken everything
		}
		groups := "the groups that consume it"
		if len(ch.Consumers) > 0 {
			groups = fmt.Sprintf("the groups %v", ch.Consumers)
		}
		plan = append(plan, brokers.Action{
			Verb:       "ask",
			Object:     fmt.Sprintf("how far %s got in topic %s", groups, ch.Topic),
			Permission: "Describe on Group:… (without it, flowcheck waits instead)",
		})
	}
	return plan, nil
}

// Identify implements brokers.Identifier. The id is the cluster's.
func (tp *tapper) Identify(context.Context) (message.BrokerIdentity, error) {
	tp.c.mu.Lock()
	defer tp.c.mu.Unlock()
	if tp.c.id == "" {
		return message.BrokerIdentity{}, errors.New("the kafka brokers tell no cluster id")
	}
	return message.BrokerIdentity{Kind: "kafka", ID: tp.c.id}, nil
}

// forget lets go of a tap that is closed.
func (tp *tapper) forget(t *tap) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.taps = slices.DeleteFunc(tp.taps, func(other *tap) bool { return other == t })
}

// Close implements brokers.Tapper.
func (tp *tapper) Close() error {
	tp.mu.Lock()
	taps := tp.taps
	tp.taps, tp.closed = nil, true
	tp.mu.Unlock()
	for _, t := range taps {
		_ = t.Close(context.Background())
	}
	tp.c.close()
	return nil
}
