package campaign

import "time"

// Later holds messages until their time has come. It is not for concurrent use.
type Later[T any] struct{ waiting []delayed[T] }

type delayed[T any] struct {
	at time.Time
	m  T
}

// At adds a message that is due then.
func (l *Later[T]) At(when time.Time, m T) {
	l.waiting = append(l.waiting, delayed[T]{when, m})
}

// Due takes out the messages whose time has come, in the order in which they were
// added.
func (l *Later[T]) Due(now time.Time) (batch []T) {
	kept := l.waiting[:0]
	for _, d := range l.waiting {
		if d.at.After(now) {
			kept = append(kept, d)
			continue
		}
		batch = append(batch, d.m)
	}
	l.waiting = kept
	return batch
}

// Rest takes out all of them.
func (l *Later[T]) Rest() (batch []T) {
	for _, d := range l.waiting {
		batch = append(batch, d.m)
	}
	l.waiting = nil
	return batch
}
