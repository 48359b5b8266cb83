package scenarios

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// together are tries that nothing else may run beside, but each other: they disturb
// the system in the same way, once for all of them.
type together struct {
	key string

	once sync.Once
	done chan struct{} // closed when the disturbance is over
	err  error
	what string // what was done, for the report
	// begun: it was due for one of them, and is for all of them now. It is the
	// run's goroutine's.
	begun bool
}

// disturb disturbs the system, or waits until another try has.
func (g *together) disturb(do func() (string, error)) (string, error) {
	g.once.Do(func() {
		defer close(g.done)
		g.what, g.err = do()
	})
	<-g.done
	return g.what, g.err
}

// key names what the try does: tries with the same key may run side by side. A
// broken trigger is kept apart from those of other scenarios, since what it holds up
// might be theirs; what goes by the clock, from what waits for its moment.
func (t *try) key() string {
	if t.poison != "" {
		return t.probe + ", " + t.name + ", " + t.scenario
	}
	if t.clocked {
		return t.probe + ", " + t.name + ", by the clock"
	}
	return t.probe + ", " + t.name
}

// nextAlone takes the next of the instances that nothing else may run beside; nil
// while something does, but what does the same and is started at the same time.
func (r *runner) nextAlone() *instance {
	at := 0
	switch {
	case len(r.alone) == 0:
		return nil
	case len(r.active) == 0:
		r.company = &together{key: r.alone[0].try.key(), done: make(chan struct{})}
	case r.company == nil || len(r.active) >= max(1, r.cfg.Parallel):
		return nil
	default:
		at = slices.IndexFunc(r.alone, func(in *instance) bool { return in.try.key() == r.company.key })
	}
	if at < 0 {
		return nil
	}
	in := r.alone[at]
	r.alone = slices.Delete(r.alone, at, at+1)
	in.try.beside = r.company
	return in
}

// leaveOut leaves out what is left of a probe of which a try has failed.
func (r *runner) leaveOut(in *instance) error {
	failed := r.cfg.FailFast && in.try.alone && in.err == nil && r.audit.Failed(in.id, r.readTo())
	if !failed {
		return nil
	}
	of, left := in.of, len(r.alone)
	r.alone = slices.DeleteFunc(r.alone, func(other *instance) bool {
		return other.of == of && other.try.probe == in.try.probe
	})
	if left -= len(r.alone); left == 0 {
		return nil
	}
	of.open -= left
	return r.skip(of, in.try.probe, fmt.Sprintf("%d further tries were left out, since one had failed", left))
}

// shared is what a try does to the system, as something that its company does once.
func (r *runner) shared(do func(ctx context.Context) (what string, err error)) func(context.Context, *sending) error {
	return func(ctx context.Context, s *sending) error {
		what, err := s.instance.try.beside.disturb(func() (string, error) { return do(ctx) })
		if err != nil {
			return err
		}
		s.marks = append(s.marks, r.actMark(s.instance, what))
		return nil
	}
}
