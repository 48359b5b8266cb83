package shadow

import (
	"fmt"
	"path/filepath"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// sample makes the sampler, where a share of the chains is watched.
func (w *watch) sample() (err error) {
	if w.cfg.Sample > 0 {
		w.sampler, err = flows.NewSampler(w.flow, w.cfg.Sample)
	}
	return err
}

// sampled reports whether a message is watched. One of a step that lacks the id
// may be of any chain: that is a loss, which unsampled tells.
func (w *watch) sampled(o *message.Observation) bool {
	w.unsampled = nil
	if w.sampler == nil {
		return true
	}
	take, known := w.sampler.Take(o)
	if !known {
		reason := fmt.Sprintf("--sample: a step of %s came without the id %s, so that nobody knows whether its chain is in the sample", o.Channel, w.sampler.ID())
		w.unsampled = &message.Mark{Kind: message.MarkGap, Channel: o.Channel, Seen: o.Seen, Reason: reason}
	}
	return take
}

// sample notes the share in the manifest. Another one would cut chains in two that
// are under way.
func (j *journal) sample(share float64) error {
	if j.resumed() && j.manifest.Sample != share {
		return fmt.Errorf("%w: %s has a sample of %g %%, not of %g %%: go on with that, or give another --state", ErrState, j.dir, 100*orAll(j.manifest.Sample), 100*orAll(share))
	}
	if j.manifest.Sample == share {
		return nil
	}
	j.manifest.Sample = share
	if err := writeJSON(filepath.Join(j.dir, "manifest.json"), &j.manifest); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func orAll(share float64) float64 {
	if share == 0 {
		return 1
	}
	return share
}
