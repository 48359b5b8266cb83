package shadow

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Window is what a findings file says of one flow since an instant.
type Window struct {
	// Seen tells that the flow is in the file at all.
	Seen bool
	// Chains that closed in the window, as they were judged then.
	Chains Tally
	// Failed are the chains with a finding that was told in the window and stands,
	// and the findings of no chain.
	Failed int
	// Unknowns are the reasons told in the window.
	Unknowns int
}

// Records gives each record of a findings file, in the order in which they were
// told. A last line that is being written is left out.
func Records(r io.Reader, each func(*Record) error) error {
	_, err := readLines(r, func(line []byte) error {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("no findings file: %w", err)
		}
		return each(&r)
	})
	return err
}

// Look reads a findings file: what was told of the flow at since or later. A last
// line that is being written is left out.
func Look(r io.Reader, flow string, since time.Time) (*Window, error) {
	return LookAll([]io.Reader{r}, flow, since)
}

// LookAll reads the findings files of several workers as one: of several words on
// one id the latest counts.
func LookAll(all []io.Reader, flow string, since time.Time) (*Window, error) {
	l := &look{flow: flow, since: since, stands: map[string]string{}, last: map[string]time.Time{}, many: len(all) > 1}
	for _, r := range all {
		if err := Records(r, l.take); err != nil {
			return &l.w, err
		}
	}
	chains := map[string]bool{}
	for _, chain := range l.stands {
		if chain == "" {
			l.w.Failed++
			continue
		}
		chains[chain] = true
	}
	l.w.Failed += len(chains)
	return &l.w, nil
}

// look is what findings files say of a flow in a window.
type look struct {
	w      Window
	flow   string
	since  time.Time
	stands map[string]string    // by id: the chain
	last   map[string]time.Time // by id, where there are several files
	many   bool
}

// known reports whether something later was said of the record's id, or the same.
func (l *look) known(r *Record) bool {
	if !l.many || r.ID == "" {
		return false
	}
	at, ok := l.last[r.ID]
	counted := r.Event == EventUnknown || r.Event == EventChains
	if ok && (r.Time.Before(at) || counted) {
		return true
	}
	l.last[r.ID] = r.Time
	return false
}

func (l *look) take(r *Record) error {
	w := &l.w
	if r.Flow != l.flow {
		return nil
	}
	w.Seen = true
	if l.known(r) {
		return nil
	}
	if r.Event == EventWithdrawn {
		delete(l.stands, r.ID)
	}
	if r.Time.Before(l.since) {
		return nil
	}
	switch r.Event {
	case EventFinding:
		l.stands[r.ID] = r.Chain
	case EventUnknown:
		w.Unknowns++
	case EventChains:
		if c := r.Chains; c != nil {
			w.Chains.Total += c.Total
			w.Chains.Pass += c.Pass
			w.Chains.Fail += c.Fail
			w.Chains.Unknown += c.Unknown
		}
	}
	return nil
}
