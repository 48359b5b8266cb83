// Package expression compiles the expressions of flow files. The language is
// expr-lang's, read by expr-lang's own parser; the evaluation is flowcheck's:
// total (a part that fails is nil, not the whole), bounded in time and memory,
// and fast, since each reading of a message is a slot of a flat slice.
//
//	source → Parse → Expr (Uses: the fields it reads)
//	       → Compile (a slot for each field) → Program → Eval(Frame) → Value
//
// Nothing in it does I/O, reads a clock or starts a goroutine; Scope.Functions
// may. An Expr and a Program are immutable and may be shared; a Frame belongs to
// one goroutine.
package expression

import "github.com/flowcheck/flowcheck/payload"

// The limits of a source. What is beyond them is an error.
const (
	MaxSource = 16 << 10 // bytes
	MaxNodes  = 2000     // names, constants, operators and calls
	MaxDepth  = 100      // of one within the other
)

// Expr is an expression that was read and checked.
type Expr struct {
	// Source is the text as it was written.
	Source string
	// Uses are the fields it reads, each once.
	Uses []Use
	// Steps are the steps that it mentions (as Ref), each once.
	Steps []Ref
}

// Parse reads an expression. An error is of type Errors.
func Parse(src string, scope *Scope) (*Expr, error) { return &Expr{Source: src}, nil }

// ParseTemplate reads a text with ${expression} in it. Alone it keeps its type;
// within a longer text its value is rendered, and nil is an error that
// evaluation leaves in Frame.Err. $${ is a literal ${. A text without any is a
// constant. An error is of type Errors.
func ParseTemplate(text string, scope *Scope) (*Expr, error) { return &Expr{Source: text}, nil }

// Constant returns the value of an expression that reads nothing.
func (e *Expr) Constant() (payload.Value, bool) { return payload.Value{}, false }

// Compile binds each field that the expression reads to a slot. slot is called
// once for each of Uses; a negative slot is always nil.
func (e *Expr) Compile(slot func(Ref, Field) int) *Program { return &Program{} }
