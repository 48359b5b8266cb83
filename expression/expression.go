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

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/flowcheck/flowcheck/payload"
)

// The limits of a source. What is beyond them is an error.
const (
	MaxSource = 16 << 10 // bytes
	MaxNodes  = 2000     // names, constants, operators and calls
	MaxDepth  = 500      // of one within the other
)

// Expr is an expression that was read and checked.
type Expr struct {
	// Source is the text as it was written.
	Source string
	// Uses are the fields it reads, each once.
	Uses []Use
	// Steps are the steps that it mentions, each once, in their order.
	Steps []Ref

	root   node
	claim  *claim
	locals int
}

// Parse reads an expression. An error is of type Errors.
func Parse(src string, scope *Scope) (*Expr, error) {
	r := newResolver(src, scope)
	if len(src) > MaxSource {
		r.errorAt(0, "the expression is too long: %d bytes, at most %d", len(src), MaxSource)
		return nil, r.errs
	}
	tree, root := r.parse(src, 0)
	return r.finish(src, root, tree)
}

func newResolver(text string, scope *Scope) *resolver {
	if scope == nil {
		scope = &Scope{}
	}
	return &resolver{
		scope: scope, text: text, part: text, made: make(map[ast.Node]node),
		folding: Budget{Steps: foldSteps, Bytes: foldBytes},
	}
}

// finish makes the Expr of what was resolved. tree is nil for a template.
func (r *resolver) finish(src string, root node, tree ast.Node) (*Expr, error) {
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	e := &Expr{Source: src, root: root, locals: r.locals}
	if tree != nil {
		e.claim = (&claims{made: r.made, spans: newSpans(src)}).of(tree)
	}
	seen := make(map[string]bool)
	walk(root, func(n node) {
		switch n := n.(type) {
		case *field:
			if key := useKey(n.ref, n.field); !seen[key] {
				seen[key] = true
				e.Uses = append(e.Uses, Use{Ref: n.ref, Field: n.field})
			}
			e.mention(n.ref)
		case *message:
			e.mention(n.step)
		case *messages:
			e.mention(n.step)
		}
	})
	return e, nil
}

func (e *Expr) mention(step Ref) {
	if i, found := slices.BinarySearch(e.Steps, step); !found && step != Own {
		e.Steps = slices.Insert(e.Steps, i, step)
	}
}

// Constant returns the value of an expression that reads nothing, and whether
// it is one. Calls of a Scope's functions are not.
func (e *Expr) Constant() (payload.Value, bool) {
	c, ok := e.root.(*constant)
	if !ok {
		return payload.Value{}, false
	}
	return c.value, true
}

// Secret reports whether its value may be made of a secret.
func (e *Expr) Secret() bool { return secret(e.root) }

// Draws reports whether the expression calls a function that draws from
// Frame.Random.
func (e *Expr) Draws() bool {
	found := false
	walk(e.root, func(n node) {
		call, ok := n.(*foreign)
		found = found || ok && call.fn.Draw != nil
	})
	return found
}

// Compile binds each field that the expression reads to a slot. slot is called
// once for each of Uses; a negative slot is always nil.
func (e *Expr) Compile(slot func(Ref, Field) int) *Program {
	slots := make(map[string]int, len(e.Uses))
	for _, use := range e.Uses {
		slots[useKey(use.Ref, use.Field)] = slot(use.Ref, use.Field)
	}
	p := newProgram(e.root, e.locals, slots)
	p.claim = e.claim
	return p
}
