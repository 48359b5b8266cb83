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
	w := &Window{}
	stands := map[string]string{} // by id: the chain
	err := Records(r, func(r *Record) error {
		if r.Flow != flow {
			return nil
		}
		w.Seen = true
		if r.Event == EventWithdrawn {
			delete(stands, r.ID)
		}
		if r.Time.Before(since) {
			return nil
		}
		switch r.Event {
		case EventFinding:
			stands[r.ID] = r.Chain
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
	})
	chains := map[string]bool{}
	for _, chain := range stands {
		if chain == "" {
			w.Failed++
			continue
		}
		chains[chain] = true
	}
	w.Failed += len(chains)
	return w, err
}
