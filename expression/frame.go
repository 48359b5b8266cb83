package expression

import (
	"math/rand/v2"
	"regexp"

	"github.com/flowcheck/flowcheck/payload"
)

// Frame is what one evaluation sees, and what it says beside its value. A Frame
// may be used again, one evaluation after the other.
type Frame struct {
	// Self are the slots of the message itself.
	Self []payload.Value
	// Steps are, by Ref, the slots of each step's message; nil where it has not
	// come. Counted steps are in Lists instead: the slots of each message.
	Steps [][]payload.Value
	Lists [][][]payload.Value
	// IDs are the chain's ids, in the order of Scope.IDs.
	IDs []payload.Value
	// Names are the values of Scope.Names that come Later, at the same index.
	Names []payload.Value
	// Random is what functions that Draw draw from; nil where none is called.
	Random rand.Source
	// Budget bounds one evaluation; what is zero means DefaultSteps and
	// DefaultBytes.
	Budget Budget

	// Exceeded is true where the evaluation was given up for its cost. The
	// value is nil then, and means nothing.
	Exceeded bool
	// Unknowable is the first field that was read whose slot held
	// payload.Unknowable: the value is as with nil, but proves nothing.
	Unknowable string
	// Err is the first error of a Function, or of a nil within a template. The
	// value is nil then.
	Err error

	steps, bytes int
	locals       []payload.Value
	numbers      []payload.Value // 0, 1, 2 …
	patterns     map[string]pattern
}

// Budget bounds what one evaluation may cost.
type Budget struct {
	// Steps are units of work, of some 10 ns each.
	Steps int
	// Bytes are what lists and texts made on the way may take.
	Bytes int
}

// The budget of an evaluation, unless the Frame says otherwise: some 100 ms and
// 16 MiB.
const (
	DefaultSteps = 10_000_000
	DefaultBytes = 16 << 20
)

// valueBytes is what an item of a list takes.
const valueBytes = 24

// pattern is a regular expression that was made at run time; nil where the text
// is none.
type pattern struct {
	re   *regexp.Regexp
	cost int
}

// begin readies the frame for an evaluation of p.
func (f *Frame) begin(p *Program) {
	f.Exceeded, f.Unknowable, f.Err = false, "", nil
	f.steps, f.bytes = f.Budget.Steps, f.Budget.Bytes
	if f.steps == 0 {
		f.steps = DefaultSteps
	}
	if f.bytes == 0 {
		f.bytes = DefaultBytes
	}
	if len(f.locals) < p.locals {
		f.locals = make([]payload.Value, p.locals)
	}
}

// work takes n units from the budget; false where it is used up.
func (f *Frame) work(n int) bool {
	f.steps -= n
	if f.steps < 0 || n < 0 {
		f.exceed()
		return false
	}
	return true
}

// room takes n bytes from the budget; false where it is used up.
func (f *Frame) room(n int) bool {
	f.bytes -= n
	if f.bytes < 0 || n < 0 {
		f.exceed()
		return false
	}
	return true
}

// exceed uses the budget up, so that nothing that costs goes on.
func (f *Frame) exceed() { f.steps, f.bytes, f.Exceeded = -1, -1, true }

// own reads a slot of the message itself.
func (f *Frame) own(slot int) payload.Value {
	if uint(slot) < uint(len(f.Self)) {
		return f.Self[slot]
	}
	return payload.Value{}
}

// step reads a slot of a step's message.
func (f *Frame) step(step, slot int) payload.Value {
	if uint(step) < uint(len(f.Steps)) {
		if row := f.Steps[step]; uint(slot) < uint(len(row)) {
			return row[slot]
		}
	}
	return payload.Value{}
}

// element reads a slot of the nth message of a counted step.
func (f *Frame) element(step Ref, n payload.Value, slot int) payload.Value {
	if n.Kind() != payload.Int {
		return payload.Value{}
	}
	rows := f.messages(step)
	if i := n.Int(); uint64(i) < uint64(len(rows)) {
		if row := rows[i]; uint(slot) < uint(len(row)) {
			return row[slot]
		}
	}
	return payload.Value{}
}

// messages are the slots of each message of a counted step.
func (f *Frame) messages(step Ref) [][]payload.Value {
	if uint(step) < uint(len(f.Lists)) {
		return f.Lists[step]
	}
	return nil
}

// came reports whether a step's message is there.
func (f *Frame) came(step Ref) bool {
	return uint(step) < uint(len(f.Steps)) && f.Steps[step] != nil
}

// upTo returns the numbers 0 to n-1.
func (f *Frame) upTo(n int) []payload.Value {
	for len(f.numbers) < n {
		f.numbers = append(f.numbers, payload.OfInt(int64(len(f.numbers))))
	}
	return f.numbers[:n:n]
}

// mark notes that a field was read that is unknowable.
func (f *Frame) mark(name string) {
	if f.Unknowable == "" {
		f.Unknowable = name
	}
}

// fail notes an error.
func (f *Frame) fail(err error) {
	if f.Err == nil {
		f.Err = err
	}
}

// equal is ==, within the budget.
func (f *Frame) equal(a, b payload.Value) bool {
	const short = 512
	k := a.Kind()
	if k != b.Kind() || k != payload.List && k != payload.Object && (k != payload.String || len(a.Text()) < short) {
		return payload.Equal(a, b)
	}
	equal, left := payload.EqualWithin(a, b, f.steps)
	f.work(f.steps - left)
	return equal
}
