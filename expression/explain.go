package expression

import (
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/flowcheck/flowcheck/payload"
)

// The bounds of an explanation.
const (
	maxParts = 8
	maxText  = 120 // bytes of a Text
)

// Part is a comparison that made a check fail.
type Part struct {
	// Text is the comparison as it was written.
	Text string
	// At is the item it failed for, where Text is the predicate of all or none:
	// shipped[1].
	At string
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

// claim is a part of a check that holds or not: an and, or, not, let or
// conditional of others, or else a comparison.
type claim struct {
	op       string // and (for or, too), not, let, ?, all or none; "" for a comparison
	node     node
	subs     []*claim
	text     string
	operands []side
	let      *let
	loop     *loop // all or none; subs[0] is the predicate
	list     string
}

// side is an operand before it is evaluated.
type side struct {
	text string
	node node
}

// claims makes claims of syntax nodes.
type claims struct {
	made  map[ast.Node]node
	spans *spans
}

func (c *claims) of(n ast.Node) *claim {
	made := &claim{node: c.made[n]}
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			made.op, made.subs = "and", []*claim{c.of(n.Left), c.of(n.Right)}
			return made
		case "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches":
			return c.comparison(made, n, n.Left, n.Right)
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			made.op, made.subs = "not", []*claim{c.of(n.Node)}
			made.text = c.spans.of(n)
			return made
		}
	case *ast.VariableDeclaratorNode:
		made.op, made.subs = "let", []*claim{c.of(n.Expr)}
		made.let, _ = made.node.(*let)
		return made
	case *ast.ConditionalNode:
		made.op, made.subs = "?", []*claim{c.of(n.Cond), c.of(n.Exp1), c.of(n.Exp2)}
		return made
	case *ast.BuiltinNode:
		return c.quantified(made, n)
	}
	return c.comparison(made, n, n)
}

// comparison is a claim with nothing below it.
func (c *claims) comparison(made *claim, n ast.Node, operands ...ast.Node) *claim {
	made.text = c.spans.of(n)
	for _, operand := range operands {
		// A message has no value to show.
		if node := c.made[operand]; node != nil && node.shape().kind == plainShape {
			made.operands = append(made.operands, side{c.spans.of(operand), node})
		}
	}
	return made
}

// quantified is all or none of a list, which fails for an item.
func (c *claims) quantified(made *claim, n *ast.BuiltinNode) *claim {
	over, ok := made.node.(*loop)
	if !ok || over.op != "all" && over.op != "none" {
		return c.comparison(made, n, n)
	}
	pred, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return c.comparison(made, n, n)
	}
	made.op, made.loop, made.text = over.op, over, c.spans.of(n)
	made.subs, made.list = []*claim{c.of(pred.Node)}, c.spans.of(n.Arguments[0])
	return made
}

// Explain tells why a check does not hold: the comparisons that failed and
// their values, at most eight. It leaves what the frame said of the last
// evaluation as it was.
func (p *Program) Explain(f *Frame) []Part {
	exceeded, unknowable, err := f.Exceeded, f.Unknowable, f.Err
	f.begin(p)
	e := explanation{compiler: compiler{slots: p.slots}, frame: f}
	if p.claim != nil {
		e.explain(p.claim, true, "")
	}
	f.Exceeded, f.Unknowable, f.Err = exceeded, unknowable, err
	return e.parts
}

// explanation collects the parts of one Explain.
type explanation struct {
	compiler compiler
	frame    *Frame
	parts    []Part
	at       string
}

// explain tells why c is not what it should be. text stands for c's own where c
// is what a not denies.
func (e *explanation) explain(c *claim, want bool, text string) {
	if c.node == nil || len(e.parts) >= maxParts {
		return
	}
	switch c.op {
	case "and":
		e.each(c, want)
	case "not":
		e.explain(c.subs[0], !want, c.text)
	case "let":
		if c.let != nil {
			e.frame.locals[c.let.slot] = e.compiler.value(c.let.value)(e.frame)
		}
		e.explain(c.subs[0], want, text)
	case "?":
		branch := c.subs[2]
		if e.compiler.test(c.subs[0].node)(e.frame) {
			branch = c.subs[1]
		}
		e.explain(branch, want, text)
	case "all", "none":
		e.item(c, want, text)
	default:
		e.comparison(c, want, text)
	}
}

func (e *explanation) holds(c *claim) bool {
	return c.node != nil && e.compiler.test(c.node)(e.frame)
}

// each explains the parts of an and or or that are to blame.
func (e *explanation) each(c *claim, want bool) {
	if e.holds(c) == want {
		return
	}
	for _, sub := range c.subs {
		if e.holds(sub) != want {
			e.explain(sub, want, "")
		}
	}
}

// item explains the first item for which all or none fails.
func (e *explanation) item(c *claim, want bool, text string) {
	items, ok := e.compiler.items(c.loop.over)(e.frame)
	if !ok || !want || e.at != "" {
		e.comparison(c, want, text)
		return
	}
	it := e.compiler.iteration(c.loop)
	good := c.op == "all"
	for i := range items {
		if !it.at(e.frame, items, i) {
			return
		}
		if it.test(e.frame) != good {
			e.at = c.list + payload.Short(payload.OfList([]payload.Value{payload.OfInt(int64(i))}), maxText)
			e.explain(c.subs[0], good, "")
			e.at = ""
			return
		}
	}
}

func (e *explanation) comparison(c *claim, want bool, text string) {
	if e.holds(c) == want {
		return
	}
	if text == "" {
		text = c.text
		if !want {
			text = "not (" + text + ")"
		}
	}
	part := Part{Text: cut(text), At: cut(e.at)}
	operands := c.operands
	if c.loop != nil {
		operands = []side{{c.text, c.node}}
	}
	for _, s := range operands {
		_, isConstant := s.node.(*constant)
		o := Operand{Text: cut(s.text), Constant: isConstant, Secret: secret(s.node)}
		if !o.Secret {
			o.Value = e.compiler.value(s.node)(e.frame)
		}
		part.Operands = append(part.Operands, o)
	}
	e.parts = append(e.parts, part)
}

// cut bounds a text, at a character.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
