package shadow

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
)

// trimEvery is how often it is asked whether the journal's oldest segments have
// been needed for long enough.
const trimEvery = 30 * time.Second

// trimmed is what a trim has made of the journal.
type trimmed struct {
	manifest manifest
	segments []segment // that are gone
	err      error
}

// trim carries over what is needed of segments that are old, or too many, beside
// the watch. One runs at a time.
func (w *watch) trim(now time.Time) {
	if w.journal == nil || now.Sub(w.looked) < trimEvery {
		return
	}
	w.looked = now
	before := correlate.InstantOf(now.Add(-retention(w.flow)))
	old := w.journal.trimmable(before, w.cfg.Limits.Journal/int64(len(w.cfg.Flows)))
	if len(old) == 0 {
		return
	}
	w.shortened(old, before)
	w.looked = now.Add(time.Hour) // until it is done
	need := w.live.Needs(old[len(old)-1].last)
	manifest := w.journal.manifest
	w.carrying.Go(func() {
		next, err := w.journal.carry(manifest, old, need)
		w.trimming <- trimmed{next, old, err}
	})
}

// shortened tells of segments that go though they are needed still.
func (w *watch) shortened(old []segment, before correlate.Instant) {
	n := 0
	for i := range old {
		if old[i].last >= before {
			n++
		}
	}
	if n > 0 {
		w.status.Shortened.Add(int64(n))
		w.log.Warn("the journal is as large as it may be: rules and closed chains remember less", "limit", w.cfg.Limits.Journal, "files", n)
	}
}

// retention is how long whole segments are kept: as long as rules and closed
// chains remember.
func retention(f *flows.Flow) time.Duration { return f.Remember + f.Timeout + f.Settle + time.Minute }

// trimmable are the closed segments, the oldest ones, whose last event is from
// before the instant, or that are beyond the bytes allowed.
func (j *journal) trimmable(before correlate.Instant, allowed int64) []segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	closed := j.segments[:max(0, len(j.segments)-1)]
	total := int64(0)
	for i := range closed {
		total += closed[i].bytes
	}
	n := 0
	for ; n < len(closed); n++ {
		if closed[n].last >= before && total <= allowed {
			break
		}
		total -= closed[n].bytes
	}
	old := slices.Clone(closed[:n])
	for i := range old { // as they are counted now
		chains := flows.ChainCounts{Outcomes: map[string]int{}}
		add(&chains, &old[i].chains)
		old[i].chains = chains
	}
	return old
}

// trimmed takes the files out of use that a trim has left behind.
func (w *watch) trimmed(t trimmed) {
	w.looked = w.cfg.Now()
	if t.err != nil {
		w.log.Error("the journal cannot be trimmed, it grows", "error", t.err)
		return
	}
	j := w.journal
	gone := []string{}
	if j.manifest.Carry != "" {
		gone = append(gone, j.carryName())
	}
	j.manifest = t.manifest
	j.mu.Lock()
	n := len(t.segments)
	for i := range n { // what was released meanwhile leaves with the next trim
		late := j.segments[i].chains
		subtract(&late, &t.segments[i].chains)
		add(&j.segments[n].chains, &late)
	}
	j.segments = slices.Delete(j.segments, 0, n)
	j.mu.Unlock()
	for _, s := range t.segments {
		gone = append(gone, j.segmentName(s.number))
	}
	for _, name := range gone {
		if err := w.discard(name); err != nil {
			w.log.Warn("a file of the journal is left", "file", name, "error", err)
		}
	}
	w.log.Debug("journal trimmed", "segments", n, "first", j.manifest.First)
}

// discard removes a file, or keeps it as a part of the record.
func (w *watch) discard(name string) error {
	if w.cfg.Record > 0 && filepath.Base(name)[0] != 'c' {
		return keepRecord(name, w.cfg.Record, w.cfg.Now())
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// subtract takes the counts of b off a.
func subtract(a, b *flows.ChainCounts) {
	minus := flows.ChainCounts{Total: -b.Total, Pass: -b.Pass, Fail: -b.Fail, Unknown: -b.Unknown, Outcomes: map[string]int{}}
	for name, n := range b.Outcomes {
		minus.Outcomes[name] = -n
	}
	add(a, &minus)
}
