package expression

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// predicates are the functions that take a predicate.
var predicates = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "map": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true,
	"count": true, "sum": true, "groupBy": true, "sortBy": true,
}

// absent are functions of expr-lang that this language does without.
var absent = map[string]string{
	"reduce":   "use sum, count, map or filter",
	"timezone": "use date(text, layout, zone)",
}

// builtin resolves a call of one of expr-lang's functions.
func (r *resolver) builtin(n *ast.BuiltinNode) node {
	if instead, ok := absent[n.Name]; ok {
		return r.errorf(n, "%s is not available; %s", n.Name, instead)
	}
	if predicates[n.Name] {
		return r.loop(n)
	}
	if fn, ok := functions[n.Name]; ok {
		return r.function(n, fn)
	}
	return r.foreign(n, n.Name, n.Arguments)
}

// function resolves a call of a function of the language. Some leave messages
// messages.
func (r *resolver) function(n *ast.BuiltinNode, fn *function) node {
	made := &call{name: n.Name, fn: fn}
	for i, a := range n.Arguments {
		arg := r.resolve(a)
		if s := arg.shape(); i == 0 && s.kind == messagesShape {
			switch n.Name {
			case "first", "last":
				made.is = shape{kind: messageShape, step: s.step}
			case "take", "reverse":
				made.is = s
			case "len":
			default:
				arg = r.plainly(arg)
			}
		} else {
			arg = r.plainly(arg)
		}
		made.args = append(made.args, arg)
	}
	if want := fn.arity(); len(want) > 0 && !slices.Contains(want, len(made.args)) {
		return r.errorf(n, "%s takes %s, not %d", n.Name, arguments(want), len(made.args))
	}
	if len(made.args) == 0 {
		return r.errorf(n, "%s takes at least 1 argument", n.Name)
	}
	return made
}

// arguments words how many arguments a function takes.
func arguments(counts []int) string {
	text := strconv.Itoa(counts[0])
	for _, c := range counts[1:] {
		text += " or " + strconv.Itoa(c)
	}
	if text == "1" {
		return "1 argument"
	}
	return text + " arguments"
}

// loop resolves a function with a predicate. Over messages, its item is a
// message, and filter, find and sortBy give messages.
func (r *resolver) loop(n *ast.BuiltinNode) node {
	if len(n.Arguments) == 0 {
		return r.errorf(n, "%s takes a list", n.Name)
	}
	made := &loop{op: n.Name, over: r.resolve(n.Arguments[0]), index: -1}
	s, itemShape := made.over.shape(), shape{}
	if s.kind == messagesShape && len(n.Arguments) == 1 {
		return r.errorf(n, "%s of messages needs a predicate; len is how many there are", n.Name)
	}
	if s.kind == messagesShape && n.Name != "groupBy" {
		itemShape = shape{kind: messageShape, step: s.step}
	} else {
		made.over, s = r.plainly(made.over), shape{}
	}
	item, index := r.newLocal(itemShape), r.newLocal(shape{})
	made.item = item.slot
	if len(n.Arguments) > 1 {
		made.body = r.predicate(n.Arguments[1], pointer{item, index})
		walk(made.body, func(part node) {
			if part == index {
				made.index = index.slot
			}
		})
	}
	switch n.Name {
	case "filter", "sortBy":
		made.is = s
	case "find", "findLast":
		made.is = itemShape
	}
	return r.order(n, made)
}

// predicate resolves the body of a loop.
func (r *resolver) predicate(n ast.Node, p pointer) node {
	if pred, ok := n.(*ast.PredicateNode); ok {
		n = pred.Node
	}
	r.pointers = append(r.pointers, p)
	defer func() { r.pointers = r.pointers[:len(r.pointers)-1] }()
	return r.value(n)
}

// order reads sortBy's third argument.
func (r *resolver) order(n *ast.BuiltinNode, made *loop) node {
	if len(n.Arguments) < 3 {
		return made
	}
	c, ok := r.value(n.Arguments[2]).(*constant)
	if !ok || c.value.Text() != "asc" && c.value.Text() != "desc" {
		return r.errorf(n.Arguments[2], `the order of sortBy is "asc" or "desc"`)
	}
	made.desc = c.value.Text() == "desc"
	return made
}

// call resolves name(…) of a function that expr-lang does not know, and
// of.name(…).
func (r *resolver) call(n *ast.CallNode) node {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		if source, isFunction, _ := sourceOf(callee.Value); isFunction && r.scope.Own {
			return r.rawHeader(n, source, func(f Field) node { return &field{ref: Own, field: f} })
		}
		return r.foreign(callee, callee.Value, n.Arguments)
	case *ast.MemberNode:
		if name, ok := r.family(callee); ok {
			return r.foreign(callee, name, n.Arguments)
		}
		of := r.resolve(callee.Node)
		name, _ := constantText(r.value(callee.Property))
		if of.shape().kind == messageShape {
			if source, isFunction, _ := sourceOf(name); isFunction {
				return r.rawHeader(n, source, func(f Field) node { return partOf(of, f) })
			}
		}
		return r.method(callee, r.plainly(of), name, n.Arguments)
	}
	return r.errorf(n, "this cannot be called")
}

// family is the full name of what callee calls, where it is one of the functions
// of the scope that share the word before the dot, such as fake.
func (r *resolver) family(callee *ast.MemberNode) (name string, ok bool) {
	first, isName := callee.Node.(*ast.IdentifierNode)
	second, isText := callee.Property.(*ast.StringNode)
	if !isName || !isText || slices.Contains(r.known(), first.Value) {
		return "", false
	}
	ofFamily := func(fn Function) bool { return strings.HasPrefix(fn.Name, first.Value+".") }
	_, unavailable := r.scope.Unavailable[first.Value]
	return first.Value + "." + second.Value, unavailable || slices.ContainsFunc(r.scope.Functions, ofFamily)
}

// rawHeader is headerInt("name") or headerUUID("name").
func (r *resolver) rawHeader(n *ast.CallNode, source Source, read func(Field) node) node {
	if len(n.Arguments) == 1 {
		if name, ok := constantText(r.value(n.Arguments[0])); ok {
			return read(Field{Source: source, Path: []Elem{{Name: name}}})
		}
	}
	return r.errorf(n, `%s takes the name of a header: %s("name")`, source, source)
}

func (r *resolver) method(callee *ast.MemberNode, of node, name string, args []ast.Node) node {
	m, ok := methods[name]
	if !ok {
		return r.errorf(callee.Property, "there is no method %s%s", name, didYouMean(name, slices.Collect(maps.Keys(methods))))
	}
	if len(args) != m.params {
		return r.errorf(callee.Property, "%s takes %s, not %d", name, arguments([]int{m.params}), len(args))
	}
	return &method{name: name, of: of, args: r.values(args)}
}

// foreign resolves a call of one of the scope's functions.
func (r *resolver) foreign(n ast.Node, name string, args []ast.Node) node {
	var known []string
	for _, fn := range r.scope.Functions {
		if fn.Name == name {
			if len(args) != fn.Params {
				return r.errorf(n, "%s takes %s, not %d", name, arguments([]int{fn.Params}), len(args))
			}
			return &foreign{fn: fn, args: r.values(args)}
		}
		known = append(known, fn.Name)
	}
	first, _, _ := strings.Cut(name, ".")
	if why, ok := r.scope.Unavailable[first]; ok {
		return r.errorf(n, "%s() cannot be used here: %s", name, why)
	}
	if name == "now" {
		return r.errorf(n, "now() cannot be used here")
	}
	if slices.Contains(r.known(), name) {
		return r.errorf(n, "%s is no function", name)
	}
	known = slices.AppendSeq(known, maps.Keys(functions))
	known = slices.AppendSeq(known, maps.Keys(predicates))
	return r.errorf(n, "unknown function %s%s", name, didYouMean(name, sorted(known)))
}
