// Package feed takes a recording to an audit, on as many cores as there are:
//
//	          ┌→ worker: lines → events → batch ┐
//	reader → parts                               → audit, in their order
//	          └→ worker: lines → events → batch ┘
//
// A part is a run of whole lines. The audit stays with the goroutine that calls,
// and says the same as if it had been given event after event.
package feed

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Feed reads r to its end into the audit. The error names the line that cannot
// be read, and what stands before it has been added; or it is ctx's.
func Feed(ctx context.Context, r *message.Reader, a *flows.Audit) error {
	return Both(ctx, r, a, nil)
}

// Beside is what is taken from each observation beside what the audit takes.
type Beside struct {
	// Scanner returns, for one goroutine of several, what appends something of an
	// observation to a page.
	Scanner func() func(page []byte, o *message.Observation) []byte
	// AddPage is given the pages in the order of the recording, on the goroutine of
	// the audit. It must not keep them.
	AddPage func(page []byte)
}

// Both is Feed that gives b, if not nil, its share.
func Both(ctx context.Context, r *message.Reader, a *flows.Audit, b *Beside) error {
	if workers := runtime.GOMAXPROCS(0); workers > 1 {
		return parallel(ctx, r, target{a, b}, workers)
	}
	return alone(ctx, r, target{a, b})
}

// target is where the parts go.
type target struct {
	*flows.Audit
	beside *Beside
}

// worker reads parts on one goroutine.
type worker struct {
	*flows.Reducer
	scan func(page []byte, o *message.Observation) []byte
}

func (t target) worker() worker {
	w := worker{Reducer: t.Reducer()}
	if t.beside != nil {
		w.scan = t.beside.Scanner()
	}
	return w
}

// add takes a part that was read.
func (t target) add(p *part) {
	t.AddBatch(&p.batch)
	if t.beside != nil {
		t.beside.AddPage(p.page)
	}
}

// alone does one after the other what parallel does at once.
func alone(ctx context.Context, r *message.Reader, a target) error {
	var p part
	reducer := a.worker()
	for {
		lines, err := r.Split(p.lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.lines = lines
		err = p.reduce(ctx, reducer)
		a.add(&p)
		if err != nil {
			return err
		}
	}
}

// part is a run of lines on its way. Its memory goes round.
type part struct {
	lines *message.Reader
	batch flows.Batch
	page  []byte
	done  chan error // what ended the lines; nil is their end
}

func parallel(ctx context.Context, r *message.Reader, a target, workers int) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	// No send blocks: each channel has room for all parts.
	parts := 2*workers + 1
	free, work, order := make(chan *part, parts), make(chan *part, parts), make(chan *part, parts)
	for range parts {
		free <- &part{done: make(chan error, 1)}
	}
	running.Go(func() {
		defer close(work)
		defer close(order)
		split(ctx, r, free, func(p *part) {
			a.Learn(p.lines) // before any worker comes to what needs it
			work <- p
			order <- p
		})
	})
	for range workers {
		reducer := a.worker()
		running.Go(func() {
			for p := range work {
				p.done <- p.reduce(ctx, reducer)
			}
		})
	}
	for p := range order {
		err := <-p.done
		a.add(p)
		if err != nil {
			return err
		}
		free <- p
	}
	return ctx.Err()
}

// split hands out parts until there are no more lines.
func split(ctx context.Context, r *message.Reader, free <-chan *part, hand func(*part)) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-free:
			var err error
			if p.lines, err = r.Split(p.lines); err != nil {
				return
			}
			hand(p)
		}
	}
}

// reduce reads the part to its end.
func (p *part) reduce(ctx context.Context, r worker) error {
	p.batch.Reset()
	p.page = p.page[:0]
	p.lines.Bodies = r.Bodies()
	for {
		event, err := p.lines.Next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if r.scan != nil && event.Observation != nil {
			p.page = r.scan(p.page, event.Observation)
		}
		r.Reduce(event, p.lines.Line(), &p.batch)
	}
}
