package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// question is what ListOffsets is asked: a time in milliseconds, or one of
// sarama's OffsetNewest and OffsetOldest, as a reader of that level sees it.
type question struct {
	at    int64
	level sarama.IsolationLevel
}

var (
	// stable is the last stable offset: the end for a reader of committed
	// messages. Open transactions begin there.
	stable = question{sarama.OffsetNewest, sarama.ReadCommitted}
	// high is the high watermark: all that was accepted lies below.
	high = question{sarama.OffsetNewest, sarama.ReadUncommitted}
	// oldest is the first that the broker still has.
	oldest = question{sarama.OffsetOldest, sarama.ReadUncommitted}
)

// offsets asks the leaders of the spots: one request a leader, side by side. It
// follows leaders that move.
func (c *cluster) offsets(ctx context.Context, spots map[spot]place, q question) (map[spot]int64, error) {
	const tries = 10 // some 3 s: the leaders of a topic made just now are not there yet
	found := map[spot]int64{}
	for try := 1; ; try++ {
		open := map[int32][]spot{}
		for s, at := range spots {
			if _, ok := found[s]; !ok {
				open[at.leader] = append(open[at.leader], s)
			}
		}
		if len(open) == 0 {
			return found, nil
		}
		err := c.askLeaders(ctx, open, q, found)
		if err == nil {
			continue
		}
		if try == tries || ctx.Err() != nil || !isTransport(err) && !isAny(err, sarama.ErrUnknownTopicOrPartition) {
			return nil, failed("ask for offsets on kafka "+c.name, err)
		}
		if err := pause.For(ctx, min(20*time.Millisecond<<try, 500*time.Millisecond)); err != nil {
			return nil, err
		}
		if spots, err = c.relocate(ctx, spots); err != nil {
			return nil, err
		}
	}
}

// relocate asks anew who leads the spots.
func (c *cluster) relocate(ctx context.Context, spots map[spot]place) (map[spot]place, error) {
	topics, err := c.topics(ctx, topicsOf(spots))
	if err != nil {
		return nil, err
	}
	moved := map[spot]place{}
	for s, was := range spots {
		moved[s] = was
		if at, ok := topics[s.topic].places[s.partition]; ok {
			moved[s] = at
		}
	}
	return moved, nil
}

// askLeaders adds to found what the leaders of the open spots answer.
func (c *cluster) askLeaders(ctx context.Context, open map[int32][]spot, q question, found map[spot]int64) error {
	var (
		mu   sync.Mutex
		errs []error
		wg   sync.WaitGroup
	)
	for leader, spots := range open {
		wg.Go(func() {
			got, err := c.askLeader(ctx, leader, spots, q)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			for s, offset := range got {
				found[s] = offset
			}
		})
	}
	wg.Wait()
	return first(errs)
}

// first is the first of the errors, with the number of the others: they are
// mostly the same.
func first(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	return fmt.Errorf("%w (and %d more)", errs[0], len(errs)-1)
}

// askLeader returns what one broker knows, even beside an error.
func (c *cluster) askLeader(ctx context.Context, leader int32, spots []spot, q question) (map[spot]int64, error) {
	addr, err := c.address(leader)
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
		req := sarama.NewOffsetRequest(c.conf.Version)
		req.IsolationLevel = q.level
		for _, s := range spots {
			req.AddBlock(s.topic, s.partition, q.at, 1)
		}
		return b.GetAvailableOffsets(req)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	got := map[spot]int64{}
	var errs []error
	for _, s := range spots {
		block := answer.GetBlock(s.topic, s.partition)
		switch {
		case block == nil:
			errs = append(errs, fmt.Errorf("%s: %w", s, sarama.ErrIncompleteResponse))
		case !errors.Is(block.Err, sarama.ErrNoError):
			errs = append(errs, fmt.Errorf("%s: %w", s, block.Err))
		default:
			got[s] = block.Offset
		}
	}
	return got, first(errs)
}

// topicsOf names each topic of the spots once.
func topicsOf(spots map[spot]place) []string {
	seen := map[string]bool{}
	var names []string
	for s := range spots {
		if !seen[s.topic] {
			seen[s.topic] = true
			names = append(names, s.topic)
		}
	}
	return names
}
