package flows

import (
	"slices"
	"unsafe"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Reducer does for an audit what needs no knowledge of other messages: it
// reduces observations to the fields and ids that judging needs. It is for one
// goroutine, which need not be the audit's.
type Reducer struct {
	in    *intake
	whole bool
	one   reduced // a message that goes into no batch
}

// Reducer returns a new one for the audit's flow.
func (a *Audit) Reducer() *Reducer { return &Reducer{in: a.newIntake(), whole: a.cfg.Probes} }

// Bodies is Audit.Bodies for events that go to this Reducer.
func (r *Reducer) Bodies() message.BodyScanner { return r.in }

// Reduce adds an event to the batch. line is its place among all events, at
// least: only of the first are near misses remembered.
func (r *Reducer) Reduce(e message.Event, line int, to *Batch) {
	to.whole = r.whole
	switch {
	case e.Observation != nil:
		one := to.next()
		r.in.line = line
		// More than the audit asks for, which counts but the messages that it has
		// not read before.
		r.in.reduce(e.Observation, line < 2*maxNearbyTraffic, one)
		to.own(one)
	case e.Mark != nil && e.Mark.Kind == message.MarkSchema: // Audit.Learn had it before
	case e.Mark != nil:
		one := to.next()
		one.reset()
		one.mark = e.Mark
	}
}

// Batch is a run of events, reduced. It shares no memory with what they were
// read from.
type Batch struct {
	events []reduced
	text   []byte // of ids and values; growing moves nothing that was handed out
	whole  bool   // keys and payloads, too
}

// Reset empties the batch, once it has been added.
func (b *Batch) Reset() {
	b.events, b.text = b.events[:0], b.text[:0]
}

// ahead is how many messages are expected at once.
const ahead = 32

// AddBatch adds the events of a batch, in their order.
func (a *Audit) AddBatch(b *Batch) {
	for i := range b.events {
		if i%ahead == 0 {
			next := b.events[i:min(i+ahead, len(b.events))]
			for j := range next {
				a.expect(&next[j])
			}
		}
		r := &b.events[i]
		if r.mark != nil {
			a.mark(r.mark)
			continue
		}
		a.take(r)
	}
}

// expect brings into the caches what take needs.
func (a *Audit) expect(r *reduced) {
	a.engine.Expect(&r.Message)
	for i := range r.keys {
		if k := &r.keys[i]; k.text != "" {
			a.trackers[a.flow.Channels[r.channel].intake.rules[i].rule].(*uniqueTracker).expect(k.hash)
		}
	}
}

// next makes room for an event, in memory that another may have had.
func (b *Batch) next() *reduced {
	n := len(b.events)
	if n < cap(b.events) {
		b.events = b.events[:n+1]
	} else {
		b.events = append(b.events, reduced{})
	}
	return &b.events[n]
}

// own makes r share no memory with its observation.
func (b *Batch) own(r *reduced) {
	for _, ids := range [3][]correlate.ID{r.IDs, r.Listed, r.Loose} {
		for i := range ids {
			ids[i].Value = b.keepText(ids[i].Value)
		}
	}
	r.Hash()
	b.ownValues(r.values)
	for i := range r.keys {
		r.keys[i].text = b.keepText(r.keys[i].text)
	}
	b.ownValues(r.Entry.Fields)
	if b.whole {
		r.key, r.payload = slices.Clone(r.key), slices.Clone(r.payload)
	} else {
		r.key, r.payload = nil, nil
	}
}

func (b *Batch) ownValues(values []payload.Value) {
	for i, v := range values {
		switch v.Kind() {
		case payload.String:
			values[i] = payload.OfString(b.keepText(v.Text()))
		case payload.List, payload.Object, payload.Number:
			values[i] = payload.Clone(v)
		default:
		}
	}
}

func (b *Batch) keepText(s string) string {
	from := len(b.text)
	b.text = append(b.text, s...)
	return view(b.text[from:])
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
