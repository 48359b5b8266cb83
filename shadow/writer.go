package shadow

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// The journal reaches the disk keepEvery after a tap waits for it, and every
// syncEvery where none does. A segment ends when it has segmentBytes, or is older
// than segmentAge and not empty.
const (
	keepEvery    = 50 * time.Millisecond
	syncEvery    = time.Second
	segmentBytes = 64 << 20
	segmentAge   = 10 * time.Minute
)

// writer writes the journal:
//
//	batch → blocks → file → fsync, beside → the fences' Kept
//
// Its goroutine ends when in is closed, or with an error, after which it takes
// what comes and does nothing.
type writer struct {
	j      *journal
	in     chan []message.Event
	failed chan error // has the error, once
	done   chan struct{}

	file    *os.File
	pack    *packer // nil after an error
	opened  time.Time
	places  places // after all that was written
	schemas schemas

	dirty  bool
	kept   []func() // to be called after the next fsync
	synced time.Time
	syncer *syncer
}

// startWriter begins a segment behind those that there are.
func startWriter(j *journal) (*writer, error) {
	w := &writer{j: j, in: make(chan []message.Event, 64), failed: make(chan error, 1), done: make(chan struct{}), places: places{}, schemas: maps.Clone(j.schemas), syncer: startSyncer()}
	for _, m := range j.places.marks() {
		w.places.take(&message.Event{Mark: &m})
	}
	if err := w.begin(time.Now()); err != nil {
		_ = w.syncer.close() // what went wrong is known
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	go w.run()
	return w, nil
}

// begin opens the next segment, which begins with the places so far.
func (w *writer) begin(now time.Time) error {
	number := w.j.manifest.First
	w.j.mu.Lock()
	if n := len(w.j.segments); n > 0 {
		number = w.j.segments[n-1].number + 1
	}
	w.j.mu.Unlock()
	name := w.j.segmentName(number)
	file, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w.file, w.pack = file, newPacker(file, w.j.header)
	w.opened, w.dirty = now, true
	for _, m := range w.places.marks() {
		m.Seen = now
		if err := w.pack.write(&message.Event{Mark: &m}); err != nil {
			return err
		}
	}
	for _, m := range w.schemas {
		if err := w.pack.write(&message.Event{Mark: &m}); err != nil {
			return err
		}
	}
	w.j.mu.Lock()
	w.j.segments = append(w.j.segments, segment{
		number: number, last: correlate.Instant(math.MaxInt64), chains: flows.ChainCounts{Outcomes: map[string]int{}},
	})
	w.j.mu.Unlock()
	w.syncer.folder = w.j.dir
	return w.sync(now, false)
}

func (w *writer) run() {
	defer close(w.done)
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case batch, ok := <-w.in:
			if !ok {
				w.end()
				return
			}
			if err := w.write(batch); err != nil {
				w.fail(err)
			}
		case now := <-tick.C:
			if err := w.tick(now); err != nil {
				w.fail(err)
			}
		case err := <-w.syncer.failed:
			w.fail(err)
		}
	}
}

// tick has what was written reach the file, and the disk where that is due.
func (w *writer) tick(now time.Time) error {
	switch {
	case w.pack == nil || !w.dirty:
		return nil
	case w.syncer.pending.Load() > 0:
		return nil
	case len(w.kept) > 0 || now.Sub(w.synced) >= syncEvery:
		return w.sync(now, false)
	default:
		return w.pack.flush()
	}
}

// fail tells the error and takes no more.
func (w *writer) fail(err error) {
	select {
	case w.failed <- fmt.Errorf("journal: %w", err):
	default:
	}
	w.pack, w.kept, w.dirty = nil, nil, false
}

func (w *writer) write(batch []message.Event) error {
	if w.pack == nil {
		return nil
	}
	for i := range batch {
		e := &batch[i]
		if err := w.pack.write(e); err != nil {
			return err
		}
		w.places.take(e)
		w.schemas.take(e)
		if e.Mark != nil && e.Mark.Kept != nil {
			w.kept = append(w.kept, e.Mark.Kept)
		}
	}
	w.dirty = true
	now := time.Now()
	if w.pack.written < segmentBytes && now.Sub(w.opened) < segmentAge {
		return nil
	}
	return w.rotate(now, seenOf(&batch[len(batch)-1]))
}

// rotate closes the segment, whose last event was seen then, and begins the next.
func (w *writer) rotate(now, seen time.Time) error {
	if err := w.sync(now, true); err != nil {
		return err
	}
	w.j.mu.Lock()
	s := &w.j.segments[len(w.j.segments)-1]
	s.last, s.bytes = correlate.InstantOf(seen), w.pack.written
	w.j.mu.Unlock()
	return w.begin(now)
}

// sync has all that was written reach the disk, beside, and then lets the taps
// forget it. last closes the file.
func (w *writer) sync(now time.Time, last bool) error {
	if err := w.pack.flush(); err != nil {
		return err
	}
	w.dirty, w.synced = false, now
	w.syncer.take(syncing{w.file, last, w.kept})
	w.kept = nil
	return nil
}

func (w *writer) end() {
	if w.pack != nil {
		if err := w.sync(time.Now(), true); err != nil {
			w.fail(err)
		}
	}
	if err := w.syncer.close(); err != nil {
		w.fail(err)
	}
}

// close waits for what was written to reach the disk.
func (w *writer) close() error {
	close(w.in)
	<-w.done
	select {
	case err := <-w.failed:
		return err
	default:
		return nil
	}
}
