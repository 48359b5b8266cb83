package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// topic is what the metadata say of one.
type topic struct {
	id     sarama.Uuid // zero before Kafka 2.8
	places map[int32]place
	err    error // why it cannot be read, if so
}

// place is where a partition is led.
type place struct {
	leader int32 // a broker's id, or -1
	epoch  int32
}

// spot names a partition.
type spot struct {
	topic     string
	partition int32
}

func (s spot) String() string { return fmt.Sprintf("%s/%d", s.topic, s.partition) }

// topics asks for the named topics. One that does not exist is left out of the
// answer; a partition without a leader has -1.
func (c *cluster) topics(ctx context.Context, names []string) (map[string]topic, error) {
	answer, err := c.metadata(ctx, names)
	if err != nil {
		return nil, failed("ask for the topics of kafka "+c.name, err)
	}
	all := map[string]topic{}
	for _, t := range answer.Topics {
		if !slices.Contains(names, t.Name) {
			continue
		}
		switch t.Err {
		case sarama.ErrUnknownTopicOrPartition:
			continue
		case sarama.ErrNoError, sarama.ErrLeaderNotAvailable:
		default:
			all[t.Name] = topic{err: failed(fmt.Sprintf("topic %s of kafka %s (it needs Describe on Topic:%s, which Read includes)", t.Name, c.name, t.Name), t.Err)}
			continue
		}
		found := topic{id: t.Uuid, places: map[int32]place{}}
		for _, p := range t.Partitions {
			at := place{leader: p.Leader, epoch: p.LeaderEpoch}
			if errors.Is(p.Err, sarama.ErrLeaderNotAvailable) {
				at.leader = -1
			}
			found.places[p.ID] = at
		}
		all[t.Name] = found
	}
	return all, nil
}

// existing asks for the named topics until all of them are there with leaders.
// A topic made a moment ago may not be known to every broker yet, hence a few
// tries before ErrAbsent.
func (c *cluster) existing(ctx context.Context, names []string) (map[string]topic, error) {
	const tries = 4
	for try := 1; ; try++ {
		found, err := c.topics(ctx, names)
		if err != nil {
			return nil, err
		}
		err = c.complete(found, names)
		if err == nil {
			return found, nil
		}
		if try == tries || errors.Is(err, brokers.ErrRefused) {
			return nil, c.suggest(ctx, err)
		}
		if err := pause.For(ctx, 20*time.Millisecond<<try); err != nil {
			return nil, err
		}
	}
}

// absent is the error for a topic that is not there.
type absent struct{ topic, broker, hint string }

func (a *absent) Error() string {
	return fmt.Sprintf("topic %s on kafka %s %v%s", a.topic, a.broker, brokers.ErrAbsent, a.hint)
}

func (a *absent) Unwrap() error { return brokers.ErrAbsent }

// complete reports which of the topics, or which leader, is missing.
func (c *cluster) complete(found map[string]topic, names []string) error {
	for _, name := range names {
		t, ok := found[name]
		if !ok {
			return &absent{topic: name, broker: c.name}
		}
		if t.err != nil {
			return t.err
		}
		for id, at := range t.places {
			if at.leader < 0 {
				return failed(spot{name, id}.String(), sarama.ErrLeaderNotAvailable)
			}
		}
		if len(t.places) == 0 {
			return failed("topic "+name, sarama.ErrLeaderNotAvailable)
		}
	}
	return nil
}

// suggest adds to an absent topic the most similar name that exists, else what
// there is.
func (c *cluster) suggest(ctx context.Context, err error) error {
	var a *absent
	if !errors.As(err, &a) {
		return err
	}
	answer, asked := c.metadata(ctx, nil)
	if asked != nil {
		return err
	}
	best, least := "", len(a.topic)/3+1
	var names []string
	for _, t := range answer.Topics {
		if t.IsInternal || t.Err != sarama.ErrNoError {
			continue
		}
		names = append(names, t.Name)
		if d := distance(strings.ToLower(a.topic), strings.ToLower(t.Name)); d <= least && (best == "" || d < least) {
			best, least = t.Name, d
		}
	}
	if best != "" {
		return &absent{topic: a.topic, broker: a.broker, hint: fmt.Sprintf("; did you mean %s?", best)}
	}
	return &absent{topic: a.topic, broker: a.broker, hint: "; " + offer(names)}
}

// offer tells what topics there are instead of one that is not.
func offer(names []string) string {
	const most = 10
	slices.Sort(names)
	var there string
	switch n := len(names); {
	case n == 0:
		return "this login sees no topic at all: flowcheck creates none, so create it, or let the login Describe it"
	case n <= most:
		there = "there are " + strings.Join(names, ", ")
	default:
		there = fmt.Sprintf("there are %d others, such as %s", n, strings.Join(names[:most], ", "))
	}
	return "flowcheck creates none: create it, correct the name, or let the login Describe it (" + there + ")"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, corner+cost)
		}
	}
	return row[len(b)]
}
