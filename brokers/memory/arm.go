package memory

import (
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/brokers"
)

// readTopic reads every partition of a topic. The caller holds s.mu, here and
// below.
func (t *tap) readTopic(ch brokers.Channel, cfg brokers.TapConfig) error {
	start := cfg.Start
	topic := t.s.topics[ch.Topic]
	if topic == nil {
		return t.s.absent("topic", ch.Topic)
	}
	for i, p := range topic.partitions {
		src := &partitionSource{channel: ch.Name, p: p, number: int32(i), unfenced: cfg.Durable}
		switch start.At {
		case brokers.StartEnd:
			src.next = p.end()
		case brokers.StartBeginning:
			src.next = p.oldest
		case brokers.StartOffset:
			src.next = start.Offset
		case brokers.StartTime:
			src.next = p.since(start.Time)
		default:
			return fmt.Errorf("start at %q: there is no such start", start.At)
		}
		for _, f := range cfg.Resume {
			if f.Channel == ch.Name && f.Position.Partition == src.number {
				src.next = f.Position.Offset
			}
		}
		t.sources = append(t.sources, src)
	}
	return nil
}

// readBound reads a queue of the tap's own, bound like the channel.
func (t *tap) readBound(ch brokers.Channel, name string) error {
	ways, err := t.s.waysInto(ch)
	if err != nil {
		return err
	}
	q := &queue{name: name, tap: true, nextSeq: 1, opts: QueueOptions{MaxLength: t.s.opts.TapLimit}}
	t.s.queues[name] = q
	t.undo = append(t.undo, func() { t.s.deleteQueue(name) })
	for _, w := range ways {
		if err := t.s.bind(w.exchange, w.key, q); err != nil {
			return err
		}
	}
	t.sources = append(t.sources, &queueSource{channel: ch.Name, q: q})
	return nil
}

// waysInto lists the bindings that a tap of the channel needs.
func (s *Server) waysInto(ch brokers.Channel) ([]way, error) {
	if ch.Queue != "" {
		q := s.queues[ch.Queue]
		if q == nil {
			return nil, s.absent("queue", ch.Queue)
		}
		ways := s.bindingsOf(q)
		if len(ways) == 0 {
			return nil, fmt.Errorf("queue %s %w: it has no binding, only the default exchange feeds it: publish to it through an exchange", ch.Queue, brokers.ErrNotTappable)
		}
		return ways, nil
	}
	x := s.exchanges[ch.Exchange]
	if x == nil {
		return nil, s.absent("exchange", ch.Exchange)
	}
	keys := ch.RoutingKeys
	if len(keys) == 0 {
		keys = x.everyKey()
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("exchange %s %w: it is direct and has no bindings to copy: name a routing-key", ch.Exchange, brokers.ErrNotTappable)
	}
	var ways []way
	for _, key := range keys {
		ways = append(ways, way{ch.Exchange, key})
	}
	return ways, nil
}

// everyKey lists the keys by which a tap gets all that any queue gets of an
// exchange: on a direct one, those that it is bound with.
func (x *exchange) everyKey() []string {
	if x.kind != Direct {
		return []string{"#"}
	}
	var keys []string
	for _, b := range x.bindings {
		if !b.queue.tap && !slices.Contains(keys, b.key) {
			keys = append(keys, b.key)
		}
	}
	return keys
}

// readSNS reads an SQS queue of the tap's own, subscribed to the topic.
func (t *tap) readSNS(ch brokers.Channel, name string) error {
	topicName := plainName(ch.SNS)
	topic := t.s.snsTopics[topicName]
	if topic == nil {
		return t.s.absent("SNS topic", topicName)
	}
	q := &sqsQueue{name: name, tap: true, opts: SQSOptions{VisibilityTimeout: tapVisibility}}
	t.s.sqsQueues[name] = q
	t.undo = append(t.undo, func() { t.s.deleteSQS(name) })
	topic.subscriptions = append(topic.subscriptions, subscription{q, !ch.Envelope})
	t.sources = append(t.sources, &sqsSource{s: t.s, channel: ch.Name, q: q})
	return nil
}

// readSQS reads the system's own queue, where that is allowed. What it has in
// hand when it ends is visible again at once.
func (t *tap) readSQS(ch brokers.Channel) error {
	name := plainName(ch.SQS)
	q := t.s.sqsQueues[name]
	if q == nil {
		return t.s.absent("SQS queue", name)
	}
	if !ch.Intrusive {
		return fmt.Errorf("SQS queue %s %w: receiving takes messages from its consumers: tap the SNS topic before it, or say intrusive: true if it is a dead-letter queue or your own", name, brokers.ErrNotTappable)
	}
	src := &sqsSource{s: t.s, channel: ch.Name, q: q}
	t.undo = append(t.undo, src.giveBack)
	t.sources = append(t.sources, src)
	return nil
}

// plan lists what a tap of the channel would do.
func (s *Server) plan(ch brokers.Channel) ([]brokers.Action, error) {
	switch {
	case ch.Topic != "":
		if s.topics[ch.Topic] == nil {
			return nil, s.absent("topic", ch.Topic)
		}
		return []brokers.Action{{Verb: "read", Object: "topic " + ch.Topic, Permission: "none"}}, nil
	case ch.SNS != "":
		name := plainName(ch.SNS)
		if s.snsTopics[name] == nil {
			return nil, s.absent("SNS topic", name)
		}
		return []brokers.Action{
			{Verb: "create", Object: "SQS queue flowcheck-…", Permission: "none"},
			{Verb: "subscribe", Object: "SNS topic " + name, Permission: "none"},
		}, nil
	case ch.SQS != "":
		name := plainName(ch.SQS)
		if s.sqsQueues[name] == nil {
			return nil, s.absent("SQS queue", name)
		}
		return []brokers.Action{{Verb: "read", Object: "SQS queue " + name + " (takes its messages)", Permission: "none"}}, nil
	}
	ways, err := s.waysInto(ch)
	if err != nil {
		return nil, err
	}
	actions := []brokers.Action{{Verb: "create", Object: "queue flowcheck-…", Permission: "none"}}
	for _, w := range ways {
		object := fmt.Sprintf("exchange %s by %q", w.exchange, w.key)
		if ch.Queue != "" {
			object += ", as queue " + ch.Queue + " is"
		}
		actions = append(actions, brokers.Action{Verb: "bind", Object: object, Permission: "none"})
	}
	return actions, nil
}
