package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
)

// Quiet implements brokers.Watcher: have the groups that consume the channels'
// topics committed all that was accepted? The groups are Channel.Consumers,
// else those with live members that read the topic. It does not know where no
// channel has a group, where a group may not be described, and where a group is
// of a kind (share, streams) that does not tell what it reads. A group that
// commits before its work is done deceives it.
func (tp *tapper) Quiet(ctx context.Context, channels []brokers.Channel) (brokers.Quiescence, error) {
	if _, err := byTopic(channels); err != nil {
		return brokers.Quiescence{}, err
	}
	q := &quiet{tp: tp}
	for _, ch := range channels {
		why, left, err := q.busy(ctx, ch)
		var o opaque
		switch {
		case errors.As(err, &o), errors.Is(err, brokers.ErrRefused):
			return brokers.Quiescence{Reason: err.Error()}, nil
		case err != nil:
			return brokers.Quiescence{}, fmt.Errorf("ask whether %s is quiet: %w", ch.Name, err)
		case why != "":
			return brokers.Quiescence{Known: true, Reason: why, Left: left}, nil
		}
	}
	if q.groups == 0 {
		return brokers.Quiescence{Reason: "no consumer group with live members reads the topics, as far as this login may see"}, nil
	}
	return brokers.Quiescence{Known: true, Quiet: true}, nil
}

// quiet is one question of Quiet.
type quiet struct {
	tp     *tapper
	all    []*group // of the cluster, once listed
	listed bool
	live   []*group // those with members, described
	groups int      // how many were found to read a channel
}

// busy says what is left to do on one channel, or "", and how much.
func (q *quiet) busy(ctx context.Context, ch brokers.Channel) (why string, left int, err error) {
	c := q.tp.c
	found, err := c.existing(ctx, []string{ch.Topic})
	if err != nil {
		return "", 0, err
	}
	spots := map[spot]place{}
	for id, at := range found[ch.Topic].places {
		spots[spot{ch.Topic, id}] = at
	}
	groups, err := q.consumers(ctx, ch)
	if err != nil || len(groups) == 0 {
		return "", 0, err
	}
	// First how far they got, then how far there is to go: the other way round,
	// what comes in between would look done.
	done := make([]map[spot]int64, len(groups))
	for i, g := range groups {
		if done[i], err = c.committed(ctx, g, spots); err != nil {
			return "", 0, err
		}
	}
	ends, err := q.ends(ctx, ch.Topic, spots)
	if err != nil {
		return "", 0, err
	}
	if ends.open != "" {
		return ends.open, 0, nil
	}
	for i, g := range groups {
		if why, left, err = q.lag(ctx, g, done[i], ends); why != "" || err != nil {
			return why, left, err
		}
	}
	return "", 0, nil
}

// consumers are the groups to look at.
func (q *quiet) consumers(ctx context.Context, ch brokers.Channel) (groups []*group, err error) {
	if !q.listed {
		if q.all, err = q.tp.c.groups(ctx); err != nil {
			return nil, err
		}
		q.listed = true
	}
	if len(ch.Consumers) > 0 {
		return q.named(ch)
	}
	if q.live == nil {
		q.live = live(q.all)
		if err := q.tp.c.describe(ctx, q.live); err != nil {
			return nil, err
		}
	}
	for _, g := range q.live {
		// A rebalancing group does not tell what it reads: its offsets may.
		if g.reads(ch.Topic) || g.rebalancing {
			groups = append(groups, g)
		}
		if g.reads(ch.Topic) {
			q.groups++
		}
	}
	return groups, nil
}

// named are the channel's consumers by its own word, be they there or not.
func (q *quiet) named(ch brokers.Channel) (groups []*group, err error) {
	for _, name := range ch.Consumers {
		g := &group{name: name}
		if i := slices.IndexFunc(q.all, func(g *group) bool { return g.name == name }); i >= 0 {
			g = q.all[i]
		}
		if g.kind == "share" { // to OffsetFetch it looks as if it had committed nothing
			return nil, opaque{name, "it is a share group"}
		}
		groups = append(groups, g)
	}
	q.groups += len(groups)
	return groups, nil
}

// anywhere reports whether a group has committed in any partition.
func anywhere(done map[spot]int64) bool {
	for _, offset := range done {
		if offset >= 0 {
			return true
		}
	}
	return false
}

// ends is where a topic's partitions end.
type ends struct {
	topic string
	spots map[spot]place
	low   map[spot]int64
	high  map[spot]int64
	base  map[spot]int64 // the end when a tap was armed, where there is one
	open  string         // that a transaction is open
}

func (q *quiet) ends(ctx context.Context, topic string, spots map[spot]place) (e ends, err error) {
	e = ends{topic: topic, spots: spots, base: q.tp.bases(spots)}
	if e.high, err = q.tp.c.offsets(ctx, spots, high); err != nil {
		return e, err
	}
	committed, err := q.tp.c.offsets(ctx, spots, stable)
	if err != nil {
		return e, err
	}
	for s, end := range e.high {
		if committed[s] < end {
			e.open = fmt.Sprintf("a transaction on %s is open", s)
		}
	}
	e.low, err = q.tp.c.offsets(ctx, spots, oldest)
	return e, err
}

// lag says where the group has something to read, or "", and how much in all
// partitions, control records included.
func (q *quiet) lag(ctx context.Context, g *group, done map[spot]int64, e ends) (why string, left int, err error) {
	if g.rebalancing {
		if g.reads(e.topic) || anywhere(done) {
			return fmt.Sprintf("group %s is rebalancing", g.name), 0, nil
		}
		return "", 0, nil
	}
	for _, s := range slices.SortedFunc(maps.Keys(done), func(a, b spot) int { return int(a.partition - b.partition) }) {
		from, word := done[s], "committed offset"
		if from < 0 {
			// Nothing is committed here: what was there before the tap is no
			// work of this run, what came since is.
			from, word = max(e.low[s], e.base[s]), "committed nothing, and messages came since"
		}
		from = max(from, e.low[s])
		if from >= e.high[s] {
			continue
		}
		left += int(e.high[s] - from)
		if why != "" {
			continue
		}
		more, err := q.tp.c.visible(ctx, s, e.spots[s], from, e.high[s])
		if err != nil {
			return "", 0, err
		}
		if more {
			why = fmt.Sprintf("group %s has %d of %s to read: %s %d", g.name, e.high[s]-from, s, word, from)
		}
	}
	return why, left, nil
}

// bases are the ends when the partitions were tapped, of the first tap that has
// them.
func (tp *tapper) bases(spots map[spot]place) map[spot]int64 {
	bases := map[spot]int64{}
	tp.mu.Lock()
	taps := slices.Clone(tp.taps)
	tp.mu.Unlock()
	for _, t := range taps {
		t.mu.Lock()
		for s := range spots {
			if topic := t.topics[s.topic]; topic != nil && topic.parts[s.partition] != nil {
				if _, ok := bases[s]; !ok {
					bases[s] = topic.parts[s.partition].base
				}
			}
		}
		t.mu.Unlock()
	}
	return bases
}

// visible reports whether there is a message to be read from one offset to
// another: control records and aborted transactions are no work for a group,
// though they lie behind its last commit.
func (c *cluster) visible(ctx context.Context, s spot, at place, from, to int64) (bool, error) {
	addr, err := c.address(at.leader)
	if err != nil {
		return false, err
	}
	const most = 16 // fetches; who has more than this to read is not quiet
	for range most {
		if from >= to {
			return false, nil
		}
		answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.FetchResponse, error) {
			req := newFetch(0)
			req.MaxBytes = 64 << 10
			req.AddBlock(s.topic, s.partition, from, 64<<10, -1)
			return b.Fetch(req)
		})
		if err != nil {
			return false, failed("look for messages in "+s.String(), err)
		}
		block := answer.GetBlock(s.topic, s.partition)
		if block == nil || !errors.Is(block.Err, sarama.ErrNoError) {
			return true, nil
		}
		shown := false
		next, _, err := sifting{from: from, show: func(b *sarama.RecordBatch, r *sarama.Record) bool {
			shown = b.FirstOffset+r.OffsetDelta < to
			return false
		}}.sift(block)
		if shown || err != nil || next <= from {
			return shown || err != nil, nil
		}
		from = next
	}
	return true, nil
}
