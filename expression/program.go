package expression

import "github.com/flowcheck/flowcheck/payload"

// Program is an expression ready to be evaluated. It may be shared.
type Program struct{}

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
	// Budget bounds one evaluation; the zero value means DefaultBudget.
	Budget Budget

	// Exceeded is true where the evaluation was given up for its cost. The
	// value is nil then, and means nothing.
	Exceeded bool
	// Unknowable is the first field that was read whose slot held
	// payload.Unknowable: the value is as with nil, but proves nothing.
	Unknowable string
	// Err is the first error of a Function, or of a nil within a template.
	Err error
}

// Budget bounds what one evaluation may cost.
type Budget struct {
	// Steps are units of work, of some 10 ns each.
	Steps int
	// Bytes are what lists and texts made on the way may take.
	Bytes int
}

// DefaultBudget is some 100 ms of work and 16 MiB.
var DefaultBudget = Budget{Steps: 10_000_000, Bytes: 16 << 20}

// Eval returns the expression's value. It never panics.
func (p *Program) Eval(f *Frame) payload.Value { return payload.Value{} }

// Test reports whether the expression's value is true.
func (p *Program) Test(f *Frame) bool { return false }

// Part is a comparison that made a check fail.
type Part struct {
	// Text is the comparison as it was written.
	Text string
	// Operands are its two sides, or the one value where it is no comparison.
	Operands []Operand
}

// Operand is one side of a comparison.
type Operand struct {
	// Text is the side as it was written.
	Text string
	// Constant is true where the text says the value already.
	Constant bool
	// Secret is true where Value is left out.
	Secret bool
	Value  payload.Value
}

// Explain tells why a check does not hold: the comparisons that failed and
// their values, at most eight.
func (p *Program) Explain(f *Frame) []Part { return nil }
