package memory

import (
	"context"
	"fmt"
	"slices"
)

// group is a consumer group on one topic.
type group struct {
	name      string
	topic     *topic
	members   []*Member
	next      []int64 // by partition: what is handed out next
	committed []int64
	changed   signal
}

// Member is a consumer in a group. The members share the topic's partitions
// among them; whenever one joins or leaves, reading goes back to what was
// committed.
type Member struct {
	s *Server
	g *group
}

// Join makes a member of a group on a topic. A new group begins at the oldest
// record. It fails with ErrAbsent.
func (s *Server) Join(groupName, topicName string) (*Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topicName]
	if t == nil {
		return nil, fmt.Errorf("join %s: %w", groupName, s.absent("topic", topicName))
	}
	key := groupName + "\x00" + topicName
	g := s.groups[key]
	if g == nil {
		g = &group{name: groupName, topic: t, committed: make([]int64, len(t.partitions))}
		s.groups[key] = g
	}
	m := &Member{s: s, g: g}
	g.members = append(g.members, m)
	g.rebalance()
	return m, nil
}

// rebalance goes back to what was committed and wakes the members.
func (g *group) rebalance() {
	g.next = slices.Clone(g.committed)
	g.changed.fire()
}

// wakeGroups tells the members of the topic's groups that there is more.
func (s *Server) wakeGroups(t *topic) {
	for _, g := range s.groups {
		if g.topic == t {
			g.changed.fire()
		}
	}
}

// Next waits for the next record of the member's partitions. It fails when ctx
// ends or the member has left.
func (m *Member) Next(ctx context.Context) (Record, error) {
	for {
		r, wait, err := m.poll()
		if err != nil || wait == nil {
			return r, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

// poll returns a record, or what to wait for.
func (m *Member) poll() (Record, <-chan struct{}, error) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	mine := slices.Index(m.g.members, m)
	if mine < 0 {
		return Record{}, nil, fmt.Errorf("read %s: the member has left group %s", m.g.topic.name, m.g.name)
	}
	for i := mine; i < len(m.g.topic.partitions); i += len(m.g.members) {
		p := m.g.topic.partitions[i]
		at := max(m.g.next[i], p.oldest)
		if at < p.end() {
			m.g.next[i] = at + 1
			r := p.records[at-p.oldest]
			r.Message = clone(r.Message)
			return r, nil, nil
		}
	}
	return Record{}, m.g.changed.wait(), nil
}

// Commit says that the group is done with a record and all before it.
func (m *Member) Commit(r Record) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.g.committed[r.Partition] = max(m.g.committed[r.Partition], r.Offset+1)
}

// Leave ends the membership. What was read and not committed is read again by
// the members that stay.
func (m *Member) Leave() {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if i := slices.Index(m.g.members, m); i >= 0 {
		m.g.members = slices.Delete(m.g.members, i, i+1)
		m.g.rebalance()
	}
}

// lag is how many records the group has not committed.
func (g *group) lag() int64 {
	var lag int64
	for i, p := range g.topic.partitions {
		lag += p.end() - max(g.committed[i], p.oldest)
	}
	return lag
}
