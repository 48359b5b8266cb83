package expression

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/flowcheck/flowcheck/payload"
)

// deathMembers are the members of death, of death.error and of death.origin.
var deathMembers = map[string][]string{
	"death":        {"origin", "attempts", "reason", "error", "at"},
	"death.error":  {"class", "text"},
	"death.origin": {"channel", "position", "topic", "partition", "offset", "exchange", "routingKey", "queue"},
}

// sourceOf returns the part of a message that goes by name. HeaderInt and
// HeaderUUID are functions.
func sourceOf(name string) (s Source, isFunction, ok bool) {
	i := slices.Index(sourceNames[:], name)
	return Source(max(i, 0)), Source(i) == HeaderInt || Source(i) == HeaderUUID, i >= 0
}

// name resolves an identifier.
func (r *resolver) name(n *ast.IdentifierNode) node {
	for i := len(r.vars) - 1; i >= 0; i-- {
		if r.vars[i].name == n.Value {
			return r.vars[i].node
		}
	}
	if source, isFunction, ok := sourceOf(n.Value); ok && r.scope.Own {
		if isFunction {
			return r.errorf(n, `%s is a function: %s("name")`, n.Value, n.Value)
		}
		return &field{ref: Own, field: Field{Source: source}}
	}
	for i, step := range r.scope.Steps {
		if step.Name == n.Value {
			return stepNode(Ref(i), step.Counted)
		}
	}
	if n.Value == "chain" && r.scope.IDs != nil {
		return r.chain()
	}
	for i, name := range r.scope.Names {
		if name.Name == n.Value {
			return scopeName(i, name)
		}
	}
	return r.unknown(n, n.Value, "unknown name "+n.Value)
}

func stepNode(step Ref, counted bool) node {
	if counted {
		return &messages{step: step}
	}
	return &message{step: step}
}

func scopeName(index int, name Name) node {
	if name.Later {
		return &laterName{index: index, secret: name.Secret, name: name.Name, members: name.Members}
	}
	made := &constant{value: name.Value, secret: name.Secret}
	if name.Members != nil {
		made.closed, made.members, made.read = name.Name, name.Members, name.Read
	}
	return made
}

// chain is the object that chain stands for.
func (r *resolver) chain() node {
	ids := &object{closed: "chain.ids"}
	for i, id := range r.scope.IDs {
		ids.keys = append(ids.keys, &constant{value: payload.OfString(id)})
		ids.values = append(ids.values, &chainID{index: i})
	}
	return &object{
		closed: "chain",
		keys:   []node{&constant{value: payload.OfString("ids")}},
		values: []node{ids},
	}
}

// unknown notes that name is not in scope, and why, or what may be meant.
func (r *resolver) unknown(n ast.Node, name, message string) node {
	if why, ok := r.scope.Unavailable[name]; ok {
		return r.errorf(n, "%s cannot be used here: %s", name, why)
	}
	if _, _, ok := sourceOf(name); ok {
		return r.errorf(n, "%s cannot be used here: there is no message", name)
	}
	return r.errorf(n, "%s%s", message, didYouMean(name, r.known()))
}

// known are all names in scope, functions of the language apart.
func (r *resolver) known() []string {
	var names []string
	for _, v := range r.vars {
		names = append(names, v.name)
	}
	if r.scope.Own {
		names = append(names, sourceNames[:]...)
	}
	for _, step := range r.scope.Steps {
		names = append(names, step.Name)
	}
	if r.scope.IDs != nil {
		names = append(names, "chain")
	}
	for _, name := range r.scope.Names {
		names = append(names, name.Name)
	}
	return sorted(names)
}

// isKnown reports whether a variable may not be called name.
func (r *resolver) isKnown(name string) bool {
	_, isFunction := functions[name]
	return isFunction || slices.Contains(r.known(), name) || predicates[name]
}

// pointer is # or #index within a predicate.
func (r *resolver) pointer(n *ast.PointerNode) node {
	if len(r.pointers) == 0 {
		return r.errorf(n, "# is only known within a predicate")
	}
	p := r.pointers[len(r.pointers)-1]
	switch n.Name {
	case "":
		return p.item
	case "index":
		return p.index
	}
	return r.errorf(n, "unknown name #%s; there are # and #index", n.Name)
}

// member is of.name or of[key].
func (r *resolver) member(n *ast.MemberNode) node {
	of, key := r.resolve(n.Node), r.value(n.Property)
	name, named := constantText(key)
	switch s := of.shape(); {
	case s.kind == messageShape && named:
		return r.messagePart(n, of, name)
	case s.kind == messagesShape && named:
		return r.errorf(n.Property, "%s is a list of messages: write %s[0].%s, or all(%s, .%s …)",
			r.textOf(n.Node), r.textOf(n.Node), name, r.textOf(n.Node), name)
	case s.kind == messagesShape:
		return &member{of: of, key: key, is: shape{kind: messageShape, step: s.step}}
	}
	if read, ok := of.(*field); ok {
		if made, ok := r.extend(n, read, key); ok {
			return made
		}
	}
	if named {
		if made, ok := r.closedMember(n, of, name); ok {
			return made
		}
	}
	return &member{of: r.plainly(of), key: key}
}

// closedMember finds a member of chain, or notes that a name whose members are
// known has none of that name.
func (r *resolver) closedMember(n *ast.MemberNode, of node, name string) (made node, ok bool) {
	closed, members := "", []string(nil)
	switch of := of.(type) {
	case *object:
		if of.closed == "" {
			return nil, false
		}
		return r.objectMember(n, of, name), true
	case *constant:
		closed, members = of.closed, of.members
		if of.read != nil {
			of.read(name)
		}
	case *laterName:
		if of.members != nil {
			closed, members = of.name, of.members
		}
	}
	if closed == "" || slices.Contains(members, name) {
		return nil, false
	}
	return r.noMember(n.Property, closed, name, members), true
}

// textOf is the source of n for a message, where it is a name.
func (r *resolver) textOf(n ast.Node) string {
	if id, ok := n.(*ast.IdentifierNode); ok {
		return id.Value
	}
	return "it"
}

func constantText(n node) (string, bool) {
	c, ok := n.(*constant)
	if !ok || c.value.Kind() != payload.String {
		return "", false
	}
	return c.value.Text(), true
}

// messagePart is a step's message's body, headers and so on.
func (r *resolver) messagePart(n *ast.MemberNode, of node, name string) node {
	source, isFunction, ok := sourceOf(name)
	if !ok {
		return r.errorf(n.Property, "a message has no %s%s", name, didYouMean(name, sourceNames[:]))
	}
	if isFunction {
		return r.errorf(n.Property, `%s is a function: %s("name")`, name, name)
	}
	return partOf(of, Field{Source: source})
}

// partOf reads a field of the message that n stands for.
func partOf(n node, f Field) node {
	if s := n.shape(); !s.single {
		return &field{ref: s.step, field: f, of: n}
	}
	return &field{ref: n.shape().step, field: f}
}

// wholeMessage is an object of all that there is of a message; nil where there
// is no message.
func (r *resolver) wholeMessage(n node) node {
	at := n
	if _, isLocal := n.(*local); !isLocal && !n.shape().single {
		at = r.newLocal(n.shape())
	}
	made := &object{}
	for s := Body; s <= Death; s++ {
		if s != HeaderInt && s != HeaderUUID {
			made.keys = append(made.keys, &constant{value: payload.OfString(s.String())})
			made.values = append(made.values, partOf(at, Field{Source: s}))
		}
	}
	whole := &conditional{cond: &compare{op: "!=", l: at, r: &constant{}}, yes: made, no: &constant{}}
	if bound, ok := at.(*local); ok && at != n {
		return &let{slot: bound.slot, value: n, body: whole}
	}
	return whole
}

// extend makes a field of a place within a field; ok is false where that can
// only be found at run time.
func (r *resolver) extend(n *ast.MemberNode, of *field, key node) (made node, ok bool) {
	elem, static := elemOf(key)
	if !static {
		return nil, false
	}
	f := of.field
	switch f.Source {
	case Body:
	case Headers, HeadersAll, Properties:
		if len(f.Path) > 0 || elem.IsIndex {
			return nil, false
		}
	case Death:
		return r.deathMember(n, of, elem)
	default:
		return nil, false
	}
	f.Path = append(slices.Clone(f.Path), elem)
	return &field{ref: of.ref, field: f, of: of.of}, true
}

func elemOf(key node) (e Elem, ok bool) {
	c, isConstant := key.(*constant)
	switch {
	case !isConstant:
	case c.value.Kind() == payload.String:
		return Elem{Name: c.value.Text()}, true
	case c.value.Kind() == payload.Int && c.value.Int() >= 0 && c.value.Int() < 1<<31:
		return Elem{Index: int(c.value.Int()), IsIndex: true}, true
	}
	return Elem{}, false
}

func (r *resolver) deathMember(n *ast.MemberNode, of *field, elem Elem) (node, bool) {
	closed := of.field.String()
	members, isRecord := deathMembers[closed]
	if !isRecord || elem.IsIndex {
		return nil, false
	}
	if !slices.Contains(members, elem.Name) {
		return r.noMember(n.Property, closed, elem.Name, members), true
	}
	f := Field{Source: Death, Path: append(slices.Clone(of.field.Path), elem)}
	return &field{ref: of.ref, field: f, of: of.of}, true
}

// objectMember finds a member of chain or chain.ids.
func (r *resolver) objectMember(n *ast.MemberNode, of *object, name string) node {
	var members []string
	for i, key := range of.keys {
		known, _ := constantText(key)
		if known == name {
			return of.values[i]
		}
		members = append(members, known)
	}
	return r.noMember(n.Property, of.closed, name, members)
}

// noMember notes that a closed object has no such member.
func (r *resolver) noMember(n ast.Node, of, name string, members []string) node {
	hint := didYouMean(name, members)
	switch {
	case hint != "":
	case len(members) == 0:
		hint = "; it has none"
	case len(members) <= 8:
		hint = "; it has " + strings.Join(sorted(members), ", ")
	}
	return r.errorf(n, "%s has no %s%s", of, name, hint)
}
