package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// begin is where the tap of a partition begins.
type begin struct {
	next int64
	end  int64 // the high watermark by then
	gaps []string
}

// starts finds out where to begin in each partition. The end is the last stable
// offset, as for Kafka's own consumer of committed messages: were it the high
// watermark, a transaction that is open now would be lost when it commits.
func (c *cluster) starts(ctx context.Context, spots map[spot]place, start brokers.Start) (map[spot]begin, error) {
	ends, err := c.offsets(ctx, spots, high)
	if err != nil {
		return nil, err
	}
	committed, err := c.offsets(ctx, spots, stable)
	if err != nil {
		return nil, err
	}
	begins := map[spot]begin{}
	for s := range spots {
		// the log may have grown between the questions
		begins[s] = begin{next: committed[s], end: ends[s]}
	}
	switch start.At {
	case brokers.StartEnd:
		return begins, nil
	case brokers.StartTime:
		at, err := c.offsets(ctx, spots, question{max(start.Time.UnixMilli(), 0), sarama.ReadCommitted})
		for s, b := range begins {
			if offset, ok := at[s]; ok && offset >= 0 { // -1: nothing is that young
				b.next = min(b.next, offset)
			}
			begins[s] = b
		}
		return begins, err
	case brokers.StartBeginning, brokers.StartOffset:
		low, err := c.offsets(ctx, spots, oldest)
		for s, b := range begins {
			b.next = low[s]
			if start.At == brokers.StartOffset {
				b = startAt(s, b, low[s], committed[s], start.Offset)
			}
			begins[s] = b
		}
		return begins, err
	default:
		return nil, fmt.Errorf("kafka cannot start at %q", start.At)
	}
}

// startAt begins at offset, as far as the partition has it.
func startAt(s spot, b begin, low, committed, offset int64) begin {
	b.next = min(offset, committed)
	if b.next < low {
		b.gaps = append(b.gaps, fmt.Sprintf("offsets %d to %d of %s are gone: its log begins at %d", b.next, low-1, s, low))
		b.next = low
	}
	return b
}

// resume moves the starts to where an earlier tap has come to. A partition that it
// did not know, of a topic that it did, is new: all of it is read.
func (c *cluster) resume(ctx context.Context, starts map[spot]begin, channels map[string][]string, fences []message.Mark) error {
	at := map[string]map[int32]int64{} // by topic
	for topic, names := range channels {
		at[topic] = reached(names, fences)
	}
	spots := map[spot]place{}
	for s := range starts {
		if len(at[s.topic]) > 0 {
			spots[s] = place{leader: -1}
		}
	}
	if len(spots) == 0 {
		return nil
	}
	spots, err := c.relocate(ctx, spots)
	if err != nil {
		return err
	}
	low, err := c.offsets(ctx, spots, oldest)
	if err != nil {
		return err
	}
	for s := range spots {
		b := starts[s]
		offset, known := at[s.topic][s.partition]
		switch {
		case !known:
			b.next = low[s]
		case offset > b.end:
			b.gaps = append(b.gaps, fmt.Sprintf("the log of %s ends at offset %d, and had been read up to %d: it was cut back, or the topic made anew", s, b.end, offset))
		default:
			b.gaps = nil
			b = startAt(s, b, low[s], b.end, offset)
		}
		starts[s] = b
	}
	return nil
}

// reached is how far the channels of one topic were read, by partition: as far as
// the one that is furthest behind.
func reached(channels []string, fences []message.Mark) map[int32]int64 {
	all := map[int32]int64{}
	for i, channel := range channels {
		of := map[int32]int64{}
		for _, f := range fences {
			if f.Channel == channel && f.Position.Kind == message.PartitionOffset {
				of[f.Position.Partition] = f.Position.Offset
			}
		}
		for p, offset := range of {
			if have, ok := all[p]; i == 0 || ok && offset < have {
				all[p] = offset
			}
		}
		for p := range all {
			if _, ok := of[p]; !ok {
				delete(all, p)
			}
		}
	}
	return all
}
