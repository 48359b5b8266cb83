package expression

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/flowcheck/flowcheck/payload"
)

// maxErrors bounds how many mistakes of one expression are told.
const maxErrors = 10

var tooLarge = fmt.Sprintf("the expression is too large: at most %d parts, at most %d deep", MaxNodes, MaxDepth)

// resolver turns expr-lang's syntax trees into nodes, and notes what is wrong
// with them. It serves for one expression, or for one template with several.
type resolver struct {
	scope *Scope
	// text is all of the source, and part the expression at offset within it.
	text, part string
	offset     int

	errs     Errors
	vars     []variable
	pointers []pointer
	locals   int
	nodes    int
	depth    int
	tooLarge bool
	folding  Budget // what is left for constants
	// made holds the node of each syntax node that Explain may have to show.
	made map[ast.Node]node
}

// variable is a name bound by let.
type variable struct {
	name string
	node node
}

// pointer is what # and #index mean within a predicate.
type pointer struct{ item, index *local }

// parse reads the expression at offset within the resolver's text. The node is
// never nil; it means nothing where there are errors.
func (r *resolver) parse(part string, offset int) (ast.Node, node) {
	r.part, r.offset = part, offset
	if strings.TrimSpace(part) == "" {
		r.errorAt(0, "an expression is missing here")
		return nil, &constant{}
	}
	tree, err := parseSyntax(part)
	if err != nil {
		r.errorAt(runeOffset(part, err.From), "%s", plainMessage(err.Message))
		return nil, &constant{}
	}
	return tree, r.value(tree)
}

// parseSyntax calls expr-lang's parser. It trusts it not to panic no more than
// the input.
func parseSyntax(src string) (root ast.Node, failed *file.Error) {
	defer func() {
		if p := recover(); p != nil {
			root, failed = nil, &file.Error{Message: "this cannot be read as an expression"}
		}
	}()
	tree, err := parser.Parse(src)
	if err == nil {
		return tree.Node, nil
	}
	if !errors.As(err, &failed) {
		failed = &file.Error{Message: err.Error()}
	}
	return nil, failed
}

// plainMessage puts the parser's words into the user's: Operator("=") is "=".
func plainMessage(msg string) string {
	switch msg {
	case `unexpected token Operator("=")`:
		return "unexpected =; equality is =="
	case "unexpected token EOF":
		return "unexpected end of the expression"
	case "compilation failed: expression exceeds maximum allowed nodes":
		return tooLarge
	}
	first, size := utf8.DecodeRuneInString(msg)
	return strings.ToLower(string(first)) + msg[size:]
}

// runeOffset converts an offset in characters to one in bytes.
func runeOffset(s string, runes int) int {
	for i := range s {
		if runes <= 0 {
			return i
		}
		runes--
	}
	return len(s)
}

// errorf notes a mistake at n.
func (r *resolver) errorf(n ast.Node, format string, args ...any) node {
	r.errorAt(runeOffset(r.part, n.Location().From), format, args...)
	return &constant{}
}

// errorAt notes a mistake at an offset, in bytes, within the expression.
func (r *resolver) errorAt(at int, format string, args ...any) {
	if len(r.errs) >= maxErrors {
		return
	}
	r.errs = append(r.errs, newError(r.text, r.offset+at, fmt.Sprintf(format, args...)))
}

// newError makes an Error at an offset in text.
func newError(text string, offset int, message string) *Error {
	before := text[:min(offset, len(text))]
	line := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Message: message,
		Offset:  len(before),
		Line:    strings.Count(before, "\n") + 1,
		Column:  utf8.RuneCountInString(before[line:]) + 1,
	}
}

// value resolves n where a plain value is wanted: a message that stands alone
// becomes an object of all its parts.
func (r *resolver) value(n ast.Node) node {
	return r.plainly(r.resolve(n))
}

func (r *resolver) plainly(n node) node {
	switch n.shape().kind {
	case messageShape:
		return r.wholeMessage(n)
	case messagesShape:
		item := r.newLocal(shape{kind: messageShape, step: n.shape().step})
		return &loop{op: "map", over: n, body: r.wholeMessage(item), item: item.slot, index: -1}
	default:
		return n
	}
}

// resolve resolves n, which may be a message.
func (r *resolver) resolve(n ast.Node) node {
	r.nodes++
	r.depth++
	defer func() { r.depth-- }()
	if r.tooLarge || r.nodes > MaxNodes || r.depth > MaxDepth {
		if !r.tooLarge {
			r.errorf(n, "%s", tooLarge)
		}
		r.tooLarge = true
		return &constant{}
	}
	made := r.fold(n, r.dispatch(n))
	r.made[n] = made
	return made
}

func (r *resolver) dispatch(n ast.Node) node {
	switch n := n.(type) {
	case *ast.NilNode:
		return &constant{}
	case *ast.BoolNode:
		return &constant{value: payload.OfBool(n.Value)}
	case *ast.IntegerNode:
		return &constant{value: payload.OfInt(int64(n.Value))}
	case *ast.FloatNode:
		return r.float(n)
	case *ast.StringNode:
		return &constant{value: payload.OfString(n.Value)}
	case *ast.BytesNode:
		return &constant{value: payload.OfString(string(n.Value))}
	case *ast.IdentifierNode:
		return r.name(n)
	case *ast.PointerNode:
		return r.pointer(n)
	case *ast.ChainNode:
		return r.resolve(n.Node)
	case *ast.MemberNode:
		return r.member(n)
	case *ast.SliceNode:
		return r.slice(n)
	}
	return r.dispatchCompound(n)
}

func (r *resolver) dispatchCompound(n ast.Node) node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.ConditionalNode:
		return &conditional{cond: r.value(n.Cond), yes: r.value(n.Exp1), no: r.value(n.Exp2)}
	case *ast.VariableDeclaratorNode:
		return r.declare(n)
	case *ast.SequenceNode:
		return r.sequence(n)
	case *ast.ArrayNode:
		return &list{items: r.values(n.Nodes)}
	case *ast.MapNode:
		return r.object(n)
	case *ast.BuiltinNode:
		return r.builtin(n)
	case *ast.CallNode:
		return r.call(n)
	}
	return r.errorf(n, "this is not supported in an expression")
}

func (r *resolver) values(nodes []ast.Node) []node {
	made := make([]node, len(nodes))
	for i, n := range nodes {
		made[i] = r.value(n)
	}
	return made
}

// float keeps the digits of a literal that a float64 would round away.
func (r *resolver) float(n *ast.FloatNode) node {
	from, to := runeOffset(r.part, n.Location().From), runeOffset(r.part, n.Location().To)
	if v := payload.ParseNumber(strings.ReplaceAll(r.part[from:to], "_", "")); v.Kind() == payload.Number {
		return &constant{value: v}
	}
	return &constant{value: payload.OfFloat(n.Value)}
}

// sequence is a; b; c: only the last counts, the others are checked.
func (r *resolver) sequence(n *ast.SequenceNode) node {
	var last node = &constant{}
	for _, part := range n.Nodes {
		last = r.resolve(part)
	}
	return last
}

func (r *resolver) object(n *ast.MapNode) node {
	made := &object{}
	for _, p := range n.Pairs {
		pair, ok := p.(*ast.PairNode)
		if !ok {
			return r.errorf(p, "this is not supported in an expression")
		}
		made.keys = append(made.keys, r.value(pair.Key))
		made.values = append(made.values, r.value(pair.Value))
	}
	return made
}

func (r *resolver) slice(n *ast.SliceNode) node {
	made := &slice{of: r.resolve(n.Node)}
	if s := made.of.shape(); s.kind == messagesShape {
		made.is = s
	} else {
		made.of = r.plainly(made.of)
	}
	if n.From != nil {
		made.from = r.value(n.From)
	}
	if n.To != nil {
		made.to = r.value(n.To)
	}
	return made
}

func (r *resolver) unary(n *ast.UnaryNode) node {
	of := r.value(n.Node)
	switch n.Operator {
	case "not", "!":
		return &not{of: of}
	case "-":
		return &negate{of: of}
	case "+":
		return &operator{op: "+", l: &constant{value: payload.OfInt(0)}, r: of}
	}
	return r.errorf(n, "unknown operator %s", n.Operator)
}

func (r *resolver) newLocal(is shape) *local {
	r.locals++
	return &local{slot: r.locals - 1, is: is}
}

// declare is let name = value; body.
func (r *resolver) declare(n *ast.VariableDeclaratorNode) node {
	value := r.resolve(n.Value)
	if r.isKnown(n.Name) {
		r.errorf(n, "%s is a name already; give the variable another", n.Name)
	}
	depth := len(r.vars)
	defer func() { r.vars = r.vars[:depth] }()
	switch value.(type) {
	case *message, *messages, *constant:
		r.vars = append(r.vars, variable{n.Name, value})
		return r.resolve(n.Expr)
	}
	bound := r.newLocal(value.shape())
	r.vars = append(r.vars, variable{n.Name, bound})
	return &let{slot: bound.slot, value: value, body: r.resolve(n.Expr)}
}
