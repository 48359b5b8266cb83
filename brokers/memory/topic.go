package memory

import (
	"fmt"
	"hash/fnv"
	"sort"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// Record is a message in a topic.
type Record struct {
	message.Message
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time
}

// topic is a log in partitions, as Kafka has them.
type topic struct {
	name       string
	partitions []*partition
	next       int32 // of the round robin for messages without a key
}

// partition keeps its records from oldest on.
type partition struct {
	oldest  int64
	records []Record
	changed signal
}

// end is the offset that the next record gets.
func (p *partition) end() int64 { return p.oldest + int64(len(p.records)) }

// CreateTopic makes a topic; one that exists stays as it is.
func (s *Server) CreateTopic(name string, partitions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[name] != nil {
		return
	}
	t := &topic{name: name}
	for range max(partitions, 1) {
		t.partitions = append(t.partitions, &partition{})
	}
	s.topics[name] = t
}

// DeleteTopic removes a topic and what its groups committed. A tap on it says
// nothing more.
func (s *Server) DeleteTopic(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, name)
	for key, g := range s.groups {
		if g.topic.name == name {
			delete(s.groups, key)
		}
	}
}

// Produce appends a message to a topic: to m.Partition, else where its key
// leads, else to each partition in turn. It fails with ErrAbsent, ErrTooLarge,
// or because a header is no string.
func (s *Server) Produce(topicName string, m brokers.Outgoing) (Record, error) {
	if err := s.fits(m.Message); err != nil {
		return Record{}, fmt.Errorf("produce to %s: %w", topicName, err)
	}
	for _, h := range m.Headers {
		if _, ok := h.Value.(string); !ok {
			return Record{}, fmt.Errorf("produce to %s: header %q is a %T: a topic's headers are strings", topicName, h.Name, h.Value)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topicName]
	if t == nil {
		return Record{}, fmt.Errorf("produce: %w", s.absent("topic", topicName))
	}
	n, err := t.choose(m)
	if err != nil {
		return Record{}, fmt.Errorf("produce to %s: %w", topicName, err)
	}
	p := t.partitions[n]
	r := Record{Message: clone(m.Message), Topic: topicName, Partition: n, Offset: p.end(), Time: s.opts.Now()}
	r.Properties = nil // Kafka has none
	p.records = append(p.records, r)
	p.changed.fire()
	s.wakeGroups(t)
	return r, nil
}

// choose finds the partition for a message.
func (t *topic) choose(m brokers.Outgoing) (int32, error) {
	n := int32(len(t.partitions))
	switch {
	case m.Partition != nil && (*m.Partition < 0 || *m.Partition >= n):
		return 0, fmt.Errorf("there is no partition %d, the topic has %d", *m.Partition, n)
	case m.Partition != nil:
		return *m.Partition, nil
	case m.Key != nil:
		h := fnv.New32a()
		h.Write(m.Key) // never fails
		return int32(h.Sum32() % uint32(n)), nil
	default:
		t.next++
		return (t.next - 1) % n, nil
	}
}

// Truncate forgets the records of a partition before an offset, as retention
// does. It fails with ErrAbsent.
func (s *Server) Truncate(topicName string, n int32, before int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topicName]
	if t == nil || n < 0 || int(n) >= len(t.partitions) {
		return fmt.Errorf("truncate partition %d: %w", n, s.absent("topic", topicName))
	}
	p := t.partitions[n]
	before = max(p.oldest, min(before, p.end()))
	p.records = append([]Record(nil), p.records[before-p.oldest:]...)
	p.oldest = before
	return nil
}

// since is the offset of the first record at or after a time.
func (p *partition) since(at time.Time) int64 {
	i := sort.Search(len(p.records), func(i int) bool { return !p.records[i].Time.Before(at) })
	return p.oldest + int64(i)
}
