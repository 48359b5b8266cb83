package expression

import "github.com/flowcheck/flowcheck/payload"

// Program is an expression ready to be evaluated. It may be shared.
type Program struct {
	root   node
	claim  *claim
	slots  map[string]int // by useKey
	locals int

	value func(*Frame) payload.Value
	test  func(*Frame) bool
}

func newProgram(root node, locals int, slots map[string]int) *Program {
	c := compiler{slots: slots}
	return &Program{root: root, slots: slots, locals: locals, value: c.value(root), test: c.test(root)}
}

// Eval returns the expression's value. It never panics.
func (p *Program) Eval(f *Frame) payload.Value {
	f.begin(p)
	v := p.value(f)
	if f.Exceeded || f.Err != nil {
		return payload.Value{}
	}
	return v
}

// Test reports whether the expression's value is true.
func (p *Program) Test(f *Frame) bool {
	f.begin(p)
	return p.test(f) && !f.Exceeded && f.Err == nil
}
