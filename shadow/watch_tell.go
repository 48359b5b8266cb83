package shadow

import (
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// tell is given the judgements of the Live.
func (w *watch) tell(j *flows.Judgement) {
	if j.Closed && !j.Again && !w.replaying && w.counting.first() {
		for _, watcher := range w.cfg.Watchers {
			watcher.Closed(w.flow.Name, j)
		}
	}
	if j.Closed && len(w.inherited) > 0 {
		w.disown(j)
	}
	if len(j.Found)+len(j.Withdrawn)+len(j.Unknowns) > 0 {
		w.pending = append(w.pending, recordsOf(w.flow.Name, j, w.cfg.Now())...)
	}
}

// disown takes back what an earlier process found in a chain, and the first
// judgement of this one does not: it may have ended between the two.
func (w *watch) disown(j *flows.Judgement) {
	chain, _ := j.Name()
	told, ok := w.inherited[chain]
	if !ok {
		return
	}
	delete(w.inherited, chain)
	for _, r := range told {
		still := slices.ContainsFunc(j.Found, func(f flows.Finding) bool { return flows.FindingID(w.flow.Name, &f) == r.ID })
		if !still {
			r.Time, r.Event, r.Timeline = w.cfg.Now(), EventWithdrawn, nil
			w.pending = append(w.pending, r)
		}
	}
}

// count puts the chains that have closed lately among the records.
func (w *watch) count(now time.Time, all bool) {
	chains := w.live.Stats().Chains
	if err := w.counting.note(chains); err != nil && w.err == nil {
		w.err = err
	}
	if r := w.counting.line(chains, now, all); r != nil {
		r.Flow = w.flow.Name
		w.pending = append(w.pending, *r)
	}
}

// flush tells what is new.
func (w *watch) flush() {
	if len(w.pending) == 0 || w.replaying {
		return
	}
	fresh, err := w.ledger.add(net(w.pending))
	w.pending = w.pending[:0]
	if err != nil && w.err == nil {
		w.err = err
	}
	for i := range fresh {
		w.status.count(&fresh[i])
		for _, watcher := range w.cfg.Watchers {
			watcher.Told(&fresh[i])
		}
	}
}

// net leaves of several words on one finding the last: what was told and withdrawn
// while a journal was read again has been told and withdrawn already.
func net(records []Record) []Record {
	last := map[string]int{}
	for i := range records {
		if records[i].ID != "" {
			last[records[i].ID] = i
		}
	}
	kept := records[:0]
	for i, r := range records {
		if r.ID == "" || last[r.ID] == i {
			kept = append(kept, r)
		}
	}
	return kept
}
