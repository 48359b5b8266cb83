package expression

import (
	"regexp"
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"

	"github.com/flowcheck/flowcheck/payload"
)

// binary resolves an operator between two values.
func (r *resolver) binary(n *ast.BinaryNode) node {
	switch n.Operator {
	case "==", "!=":
		return r.equality(n)
	case "<", "<=", ">", ">=":
		return &compare{op: n.Operator, l: r.value(n.Left), r: r.value(n.Right)}
	case "and", "&&":
		return &logic{and: true, l: r.value(n.Left), r: r.value(n.Right)}
	case "or", "||":
		return &logic{l: r.value(n.Left), r: r.value(n.Right)}
	case "in", "contains", "startsWith", "endsWith":
		return &textTest{op: n.Operator, l: r.value(n.Left), r: r.value(n.Right)}
	case "matches":
		return r.matches(n)
	case "+", "-", "*", "/", "%", "**", "^", "..", "??":
		op := n.Operator
		if op == "^" {
			op = "**"
		}
		return &operator{op: op, l: r.value(n.Left), r: r.value(n.Right)}
	}
	return r.errorf(n, "unknown operator %s", n.Operator)
}

// equality leaves a message as it is where it is compared with nil: that only
// asks whether it came.
func (r *resolver) equality(n *ast.BinaryNode) node {
	left, right := r.resolve(n.Left), r.resolve(n.Right)
	if !isNil(left) && !isNil(right) {
		left, right = r.plainly(left), r.plainly(right)
	}
	return &compare{op: n.Operator, l: left, r: right}
}

func isNil(n node) bool {
	c, ok := n.(*constant)
	return ok && c.value.IsNil()
}

// matches compiles a constant pattern once.
func (r *resolver) matches(n *ast.BinaryNode) node {
	made := &textTest{op: "matches", l: r.value(n.Left), r: r.value(n.Right)}
	c, ok := made.r.(*constant)
	if !ok || c.value.Kind() != payload.String {
		return made
	}
	re, cost, err := compilePattern(c.value.Text())
	switch {
	case err != nil && c.secret:
		return r.errorf(n.Right, "this is no regular expression")
	case err != nil:
		return r.errorf(n.Right, "%v", err)
	}
	made.pattern, made.cost = re, cost
	return made
}

// compilePattern compiles an RE2 pattern; cost is the size of its program.
func compilePattern(pattern string) (re *regexp.Regexp, cost int, err error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, 0, err
	}
	re, err = regexp.Compile(pattern)
	return re, len(prog.Inst), err
}

// The budget of all the folding of one source.
const (
	foldSteps = 1_000_000
	foldBytes = 1 << 20
)

// fold replaces a node whose parts are all known by its value.
func (r *resolver) fold(n ast.Node, made node) node {
	if len(r.errs) > 0 || r.folding.Steps <= 0 || r.folding.Bytes <= 0 || !foldable(made) {
		return made
	}
	f := &Frame{Budget: r.folding}
	value := newProgram(made, r.locals, nil).Eval(f)
	r.folding = Budget{Steps: f.steps, Bytes: f.bytes}
	if f.Exceeded || f.Err != nil {
		return made
	}
	if c, ok := made.(*call); ok && value.IsNil() {
		return r.badCall(n, c)
	}
	return &constant{value: value, secret: secret(made)}
}

// foldable reports whether n is worth evaluating beforehand: it has parts, all
// of them constants, and no effect.
func foldable(n node) bool {
	switch n := n.(type) {
	case *constant, *field, *message, *messages, *laterName, *chainID, *local, *foreign, *template, *loop, *let:
		return false
	case *object:
		if n.closed != "" {
			return false
		}
	}
	for _, child := range n.children() {
		if _, ok := child.(*constant); !ok {
			return false
		}
	}
	return true
}

// badCall tells of a conversion that can never succeed; other calls may rightly
// be nil.
func (r *resolver) badCall(n ast.Node, c *call) node {
	what, ok := map[string]string{
		"duration": "a duration, such as 300ms, 5s, 1h30m or 3d",
		"date":     "a date",
		"int":      "an integer",
		"float":    "a number",
		"fromJSON": "JSON",
	}[c.name]
	folded := &constant{secret: secret(c)}
	if !ok {
		return folded
	}
	for _, arg := range c.args {
		if isNil(arg) {
			return folded
		}
	}
	if folded.secret {
		return r.errorf(n, "%s: this is not %s", c.name, what)
	}
	return r.errorf(n, "%s: %s is not %s", c.name, payload.Short(c.args[0].(*constant).value, 40), what)
}
