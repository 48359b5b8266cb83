package workers

import (
	"slices"
	"sort"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
)

// lowWater is the offset from which whoever takes the partition over has to read.
type lowWater struct {
	horizon time.Duration
	every   int64 // messages between two samples
	offset  int64
	latest  time.Time // the latest instant at which a message was seen
	samples []sample  // ascending, both
	pins    []pin
	looked  time.Time
}

// sample tells that all before the offset was seen by then.
type sample struct {
	offset int64
	seen   time.Time
}

// pin keeps an offset for a while: what comes behind it may come a second time, and
// is known only by who has read it.
type pin struct {
	offset int64
	until  time.Time
}

// Samples are taken every sampleEvery messages; of more than maxSamples every other
// one goes.
const (
	sampleEvery = 256
	maxSamples  = 1 << 16
	lookEvery   = 30 * time.Second
)

func (l *lowWater) seen(at time.Time) { l.latest = later(l.latest, at) }

// note notes that the message at the offset has been taken.
func (l *lowWater) note(offset int64, now time.Time) {
	l.latest = later(l.latest, now)
	if offset%l.every != 0 {
		return
	}
	l.samples = append(l.samples, sample{offset, l.latest})
	if len(l.samples) > maxSamples {
		kept := l.samples[:0]
		for i := 0; i < len(l.samples); i += 2 {
			kept = append(kept, l.samples[i])
		}
		l.samples = kept
	}
}

// pin keeps the offset until what is read twice is old.
func (l *lowWater) pin(offset int64, now time.Time) {
	l.pins = append(l.pins, pin{offset, now.Add(l.horizon + 5*time.Minute)})
}

// update finds out, from time to time, from which offset everything has to be read
// that matters from now on.
func (l *lowWater) update(j *judge) {
	if j.now.IsZero() || j.now.Sub(l.looked) < lookEvery {
		return
	}
	l.looked = j.now
	from := j.now.Add(-l.horizon)
	for _, lanes := range j.lanes {
		for _, lane := range lanes {
			if oldest := lane.live.Oldest(); oldest != correlate.Never && oldest.Time().Before(from) {
				from = oldest.Time()
			}
		}
	}
	from = from.Add(-time.Minute)
	i := sort.Search(len(l.samples), func(i int) bool { return !l.samples[i].seen.Before(from) })
	if i == 0 {
		return
	}
	low := l.samples[i-1].offset
	l.pins = slices.DeleteFunc(l.pins, func(p pin) bool { return p.until.Before(j.now) })
	for _, p := range l.pins {
		low = min(low, p.offset)
	}
	l.offset = max(l.offset, low)
	l.samples = slices.Delete(l.samples, 0, i-1)
}
