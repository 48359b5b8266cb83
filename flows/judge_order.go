package flows

import (
	"cmp"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
)

// sort puts the entries into the canonical order: by time, but never against
// the order of a partition.
func (j *judge) sort() {
	j.order = j.order[:0]
	for i := range j.chain.Entries {
		j.order = append(j.order, &j.chain.Entries[i])
	}
	sortEntries(j.order)
	j.first = beginning{correlate.Never, correlate.Never, correlate.Never}
	for _, e := range j.order {
		if e.Step == correlate.NoStep {
			continue
		}
		if at := e.At(); !j.first.at.Known() || at < j.first.at {
			j.first.at, j.first.time = at, e.Time
		}
		if !j.first.seen.Known() || e.Seen < j.first.seen {
			j.first.seen = e.Seen
		}
	}
}

// sortEntries sorts by partition order first, which gives each entry a time
// that does not go back within its partition, and then by that time.
func sortEntries(entries []*correlate.Entry) {
	if len(entries) < 2 {
		return
	}
	slices.SortFunc(entries, byPlace)
	times := make(map[*correlate.Entry]correlate.Instant, 0)
	for i := 1; i < len(entries); i++ {
		a, b := entries[i-1], entries[i]
		before, ok := times[a]
		if !ok {
			before = a.At()
		}
		if a.Channel == b.Channel && a.Position.Ordered(b.Position) && b.At() < before {
			times[b] = before
		}
	}
	slices.SortStableFunc(entries, func(a, b *correlate.Entry) int {
		ta, tb := a.At(), b.At()
		if len(times) > 0 {
			if t, ok := times[a]; ok {
				ta = t
			}
			if t, ok := times[b]; ok {
				tb = t
			}
		}
		return cmp.Compare(ta, tb)
	})
}

func byPlace(a, b *correlate.Entry) int {
	return cmp.Or(
		cmp.Compare(a.Channel, b.Channel),
		cmp.Compare(a.Position.Kind, b.Position.Kind),
		cmp.Compare(a.Position.Partition, b.Position.Partition),
		cmp.Compare(a.Position.Offset, b.Position.Offset),
		cmp.Compare(a.Seen, b.Seen),
		cmp.Compare(a.Position.ID, b.Position.ID),
		cmp.Compare(a.Body, b.Body),
	)
}
