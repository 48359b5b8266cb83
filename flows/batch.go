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
}

// Reducer returns a new one for the audit's flow.
func (a *Audit) Reducer() *Reducer { return &Reducer{newIntake(a.flow), a.cfg.Probes} }

// Bodies is Audit.Bodies for events that go to this Reducer.
func (r *Reducer) Bodies() message.BodyScanner { return r.in }

// Reduce adds an event to the batch. line is its place among all events, at
// least: only of the first are near misses remembered.
func (r *Reducer) Reduce(e message.Event, line int, to *Batch) {
	to.whole = r.whole
	switch {
	case e.Observation != nil:
		// More than the audit asks for, which counts but the messages that it has
		// not read before.
		r.in.line = line
		to.add(r.in.reduce(e.Observation, line < 2*maxNearbyTraffic))
	case e.Mark != nil && e.Mark.Kind == message.MarkSchema: // Audit.Learn had it before
	case e.Mark != nil:
		to.events = append(to.events, reduced{mark: e.Mark})
	}
}

// Batch is a run of events, reduced. It shares no memory with what they were
// read from.
type Batch struct {
	events []reduced
	ids    []correlate.ID
	values []payload.Value
	text   []byte // of ids and values; growing moves nothing that was handed out
	whole  bool   // keys and payloads, too
}

// Reset empties the batch, once it has been added.
func (b *Batch) Reset() {
	b.events, b.ids, b.values, b.text = b.events[:0], b.ids[:0], b.values[:0], b.text[:0]
}

// ahead is how many messages are expected at once.
const ahead = 32

// AddBatch adds the events of a batch, in their order.
func (a *Audit) AddBatch(b *Batch) {
	for i := range b.events {
		if i%ahead == 0 {
			next := b.events[i:min(i+ahead, len(b.events))]
			for j := range next {
				a.engine.Expect(&next[j].Message)
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

func (b *Batch) add(r *reduced) {
	b.events = append(b.events, *r)
	kept := &b.events[len(b.events)-1]
	kept.IDs, kept.Listed, kept.Loose = b.keepIDs(r.IDs), b.keepIDs(r.Listed), b.keepIDs(r.Loose)
	kept.values, kept.Entry.Fields = b.keepValues(r.values), b.keepValues(r.Entry.Fields)
	kept.Hash()
	kept.key, kept.payload = nil, nil
	if b.whole {
		kept.key, kept.payload = slices.Clone(r.key), slices.Clone(r.payload)
	}
}

func (b *Batch) keepValues(values []payload.Value) []payload.Value {
	from := len(b.values)
	for _, v := range values {
		if v.Kind() == payload.String {
			v = payload.OfString(b.keepText(v.Text()))
		} else {
			v = payload.Clone(v)
		}
		b.values = append(b.values, v)
	}
	return b.values[from:len(b.values):len(b.values)]
}

func (b *Batch) keepIDs(ids []correlate.ID) []correlate.ID {
	from := len(b.ids)
	for _, id := range ids {
		b.ids = append(b.ids, correlate.ID{Name: id.Name, Value: b.keepText(id.Value)})
	}
	return b.ids[from:len(b.ids):len(b.ids)]
}

func (b *Batch) keepText(s string) string {
	from := len(b.text)
	b.text = append(b.text, s...)
	return unsafe.String(unsafe.SliceData(b.text[from:]), len(s))
}
