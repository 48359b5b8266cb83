package workers

import (
	"slices"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// maxFences is how many named fences of a queue are kept: its tap finds the last
// again that the broker knows.
const maxFences = 16

// merge adds places to those that are known: of a partition the furthest counts, of
// a queue the last few.
func merge(all, more []place) []place {
	for _, p := range more {
		at := message.ParsePosition(p.Position)
		i := slices.IndexFunc(all, func(o place) bool {
			if o.Flow != p.Flow || o.Channel != p.Channel || o.ID != p.ID {
				return false
			}
			was := message.ParsePosition(o.Position)
			return p.ID != "" || was.Kind == at.Kind && was.Partition == at.Partition
		})
		if i >= 0 && (p.ID != "" || at.Offset > message.ParsePosition(all[i].Position).Offset) {
			all = slices.Delete(all, i, i+1)
			i = -1
		}
		if i < 0 {
			all = append(all, p)
		}
	}
	return forget(all)
}

// owned are, of a duty's places, those of what it taps. The others were tapped
// beside it by who had the duty, and others may have come further with them since.
func (w *worker) owned(duty int32, all []place) []place {
	return slices.DeleteFunc(slices.Clone(all), func(p place) bool {
		i := slices.IndexFunc(w.flows, func(f *watched) bool { return f.name == p.Flow })
		if i < 0 {
			return true
		}
		channels := w.cfg.Shadow.Flows[w.flows[i].index].Channels
		n := slices.IndexFunc(channels, func(ch brokers.Channel) bool { return ch.Name == p.Channel })
		switch {
		case n < 0:
			return true
		case channels[n].Topic != "":
			return w.share(channels[n].Topic, message.ParsePosition(p.Position).Partition) != duty
		default:
			return !w.taps(p.Flow, channels[n], duty)
		}
	})
}

// forget keeps the last named fences of each queue.
func forget(all []place) []place {
	count := map[[2]string]int{}
	kept := make([]place, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		p := all[i]
		if p.ID != "" {
			of := [2]string{p.Flow, p.Channel}
			if count[of]++; count[of] > maxFences {
				continue
			}
		}
		kept = append(kept, p)
	}
	slices.Reverse(kept)
	return kept
}

// numbers are those of a queue's messages that were taken: a tap counts them, and
// after a crash some come again.
type numbers struct {
	next  int64
	ahead map[int64]struct{}
}

// maxAhead bounds the numbers that came before one that is still to come: in a
// partition most are never to come.
const maxAhead = 1 << 16

// fresh reports whether the message has not been taken before. Logs and names are
// known to the lane itself.
func (l *lane) fresh(o *message.Observation) bool {
	if o.Position.Kind != message.Sequence {
		return true
	}
	n := l.numbers[o.Channel]
	if n == nil {
		n = &numbers{ahead: map[int64]struct{}{}}
		l.numbers[o.Channel] = n
	}
	at := o.Position.Offset
	if _, told := n.ahead[at]; told || at < n.next {
		return false
	}
	n.ahead[at] = struct{}{}
	if len(n.ahead) > maxAhead {
		n.halve()
	}
	return true
}

// halve forgets the lower half: what is below it counts as taken.
func (n *numbers) halve() {
	all := make([]int64, 0, len(n.ahead))
	for at := range n.ahead {
		all = append(all, at)
	}
	slices.Sort(all)
	n.next = all[len(all)/2]
	for _, at := range all[:len(all)/2] {
		delete(n.ahead, at)
	}
}
