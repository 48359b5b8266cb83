package memory

import (
	"fmt"
	"slices"
)

// Snapshot lists, a line each and sorted, every object of the server with its
// counts: what a tap must not change.
func (s *Server) Snapshot() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for name, t := range s.topics {
		for i, p := range t.partitions {
			add("topic %s[%d]: offsets %d to %d", name, i, p.oldest, p.end())
		}
	}
	for _, g := range s.groups {
		add("group %s on %s: %d members, committed %v, next %v", g.name, g.topic.name, len(g.members), g.committed, g.next)
	}
	for name, x := range s.exchanges {
		add("exchange %s (%s)", name, x.kind)
		for _, b := range x.bindings {
			add("binding %s to %s by %q", name, b.queue.name, b.key)
		}
	}
	for name, q := range s.queues {
		redelivered := 0
		for _, e := range q.ready {
			redelivered += e.deliveries
		}
		add("queue %s: %d ready (%d redelivered), %d unacknowledged, %d consumers", name, len(q.ready), redelivered, len(q.unacked), q.consumers)
	}
	for name, t := range s.snsTopics {
		add("SNS topic %s", name)
		for _, sub := range t.subscriptions {
			add("subscription of %s to %s, raw: %t", name, sub.queue.name, sub.raw)
		}
	}
	for name, q := range s.sqsQueues {
		received := 0
		for _, e := range q.messages {
			received += e.received
		}
		add("SQS queue %s: %d messages, received %d times", name, len(q.messages), received)
	}
	slices.Sort(lines)
	return lines
}
