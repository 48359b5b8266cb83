package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/brokers"
)

// Quiet asks whether the channels' consumers have taken everything.
func (t *tapper) Quiet(_ context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	for _, ch := range channels {
		if err := check(ch); err != nil {
			return brokers.Quiescence{}, err
		}
		if why, left := t.s.busy(ch); why != "" {
			return brokers.Quiescence{Known: true, Reason: why, Left: left}, nil
		}
	}
	return brokers.Quiescence{Known: true, Quiet: true}, nil
}

// busy says what work is left on a channel, or "", and how much.
func (s *Server) busy(ch brokers.Channel) (why string, left int) {
	switch {
	case ch.Topic != "":
		return s.busyGroups(ch)
	case ch.SQS != "":
		return busySQS(s.sqsQueues[plainName(ch.SQS)])
	case ch.SNS != "":
		return s.busySNS(plainName(ch.SNS))
	case ch.Queue != "":
		return busyQueue(s.queues[ch.Queue])
	default:
		return s.busyExchange(ch.Exchange)
	}
}

// busyGroups looks at the groups named, else at those with members.
func (s *Server) busyGroups(ch brokers.Channel) (why string, left int) {
	for _, g := range s.groups {
		wanted := slices.Contains(ch.Consumers, g.name) || len(ch.Consumers) == 0 && len(g.members) > 0
		if lag := g.lag(); wanted && g.topic == s.topics[ch.Topic] && lag > 0 {
			return fmt.Sprintf("group %s has %d messages of %s to go", g.name, lag, ch.Topic), int(lag)
		}
	}
	return "", 0
}

// busyExchange looks at the queues bound to the exchange.
func (s *Server) busyExchange(name string) (why string, left int) {
	x := s.exchanges[name]
	if x == nil {
		return "", 0
	}
	for _, b := range x.bindings {
		if why, left := busyQueue(b.queue); why != "" {
			return why, left
		}
	}
	return "", 0
}

// busyQueue looks at a queue that somebody reads, or that lets its messages go
// on by themselves: what waits in it will be worked on. In another one, such as
// a queue of dead letters, messages rest.
func busyQueue(q *queue) (why string, left int) {
	if q == nil || q.tap {
		return "", 0
	}
	moves := q.consumers > 0 || q.opts.TTL > 0 && q.opts.DeadLetter != nil
	if n := len(q.ready) + len(q.unacked); moves && n > 0 {
		return fmt.Sprintf("queue %s holds %d messages", q.name, n), n
	}
	return "", 0
}

// busySNS looks at the queues subscribed to the topic.
func (s *Server) busySNS(name string) (why string, left int) {
	t := s.snsTopics[name]
	if t == nil {
		return "", 0
	}
	for _, sub := range t.subscriptions {
		if why, left := busySQS(sub.queue); why != "" {
			return why, left
		}
	}
	return "", 0
}

// busySQS looks at a queue, hidden messages included.
func busySQS(q *sqsQueue) (why string, left int) {
	if q == nil || q.tap || len(q.messages) == 0 {
		return "", 0
	}
	return fmt.Sprintf("SQS queue %s holds %d messages", q.name, len(q.messages)), len(q.messages)
}
