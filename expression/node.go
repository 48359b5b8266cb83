package expression

import (
	"regexp"

	"github.com/flowcheck/flowcheck/payload"
)

// node is a checked part of an expression: what is left of expr-lang's syntax
// tree once names are resolved, constants folded and readings of messages made
// fields.
type node interface {
	// children are the parts that it evaluates.
	children() []node
	// shape tells whether its value is a message.
	shape() shape
}

// shape says, before anything is evaluated, whether a node's value is a plain
// value, a step's message, or a list of a counted step's messages. At run time
// a counted step's message is its number in Frame.Lists, an Int.
type shape struct {
	kind   shapeKind
	step   Ref
	single bool // of a step that is not counted
}

type shapeKind uint8

const (
	plainShape shapeKind = iota
	messageShape
	messagesShape
)

// plain is embedded by nodes whose value is no message.
type plain struct{}

func (plain) shape() shape { return shape{} }

// leaf is embedded by nodes without parts.
type leaf struct{}

func (leaf) children() []node { return nil }

type (
	constant struct {
		plain
		leaf
		value  payload.Value
		secret bool
		// closed is the name whose members are known, "" if any may be.
		closed  string
		members []string
		read    func(member string) // see Name.Read; may be nil
	}

	// field reads a field: of the own message, of a step's, or of the message
	// of a counted step that of gives the number of.
	field struct {
		plain
		ref   Ref
		field Field
		of    node
	}

	// message is the message of a step that is not counted: true if it came.
	message struct {
		leaf
		step Ref
	}

	// messages are all the messages of a counted step.
	messages struct {
		leaf
		step Ref
	}

	// laterName is a name whose value the Frame brings.
	laterName struct {
		plain
		leaf
		index   int
		secret  bool
		name    string
		members []string
	}

	chainID struct {
		plain
		leaf
		index int
	}

	// local is a variable: of let, or the item or index of a predicate.
	local struct {
		leaf
		slot int
		is   shape
	}

	let struct {
		slot        int
		value, body node
	}

	member struct {
		of, key node
		is      shape
	}

	slice struct {
		of, from, to node // from and to may be nil
		is           shape
	}

	// operator is arithmetic, .. or ??.
	operator struct {
		plain
		op   string
		l, r node
	}

	// compare is == != < <= > >=.
	compare struct {
		plain
		op   string
		l, r node
	}

	// logic is and or or.
	logic struct {
		plain
		and  bool
		l, r node
	}

	not struct {
		plain
		of node
	}

	negate struct {
		plain
		of node
	}

	// textTest is in, contains, startsWith, endsWith or matches.
	textTest struct {
		plain
		op   string
		l, r node
		// pattern is set for matches with a constant pattern.
		pattern *regexp.Regexp
		cost    int
	}

	conditional struct {
		plain
		cond, yes, no node
	}

	list struct {
		plain
		items []node
	}

	object struct {
		plain
		keys, values []node
		// closed is its name where other members are an error.
		closed string
	}

	call struct {
		name string
		fn   *function
		args []node
		is   shape
	}

	// method is a call such as time.Hour().
	method struct {
		plain
		name string
		of   node
		args []node
	}

	// foreign is a call of one of Scope.Functions.
	foreign struct {
		plain
		fn   Function
		args []node
	}

	// loop is a function with a predicate.
	loop struct {
		op          string
		over, body  node // body may be nil
		item, index int
		desc        bool // of sortBy
		is          shape
	}

	// template is a text with expressions in it.
	template struct {
		plain
		parts []node
		texts []string // of the parts, for errors
	}
)

func (n *message) shape() shape {
	return shape{kind: messageShape, step: n.step, single: true}
}
func (n *messages) shape() shape { return shape{kind: messagesShape, step: n.step} }
func (n *local) shape() shape    { return n.is }
func (n *let) shape() shape      { return n.body.shape() }
func (n *member) shape() shape   { return n.is }
func (n *slice) shape() shape    { return n.is }
func (n *call) shape() shape     { return n.is }
func (n *loop) shape() shape     { return n.is }

func (n *field) children() []node       { return present(n.of) }
func (n *let) children() []node         { return []node{n.value, n.body} }
func (n *member) children() []node      { return []node{n.of, n.key} }
func (n *slice) children() []node       { return present(n.of, n.from, n.to) }
func (n *operator) children() []node    { return []node{n.l, n.r} }
func (n *compare) children() []node     { return []node{n.l, n.r} }
func (n *logic) children() []node       { return []node{n.l, n.r} }
func (n *not) children() []node         { return []node{n.of} }
func (n *negate) children() []node      { return []node{n.of} }
func (n *textTest) children() []node    { return []node{n.l, n.r} }
func (n *conditional) children() []node { return []node{n.cond, n.yes, n.no} }
func (n *list) children() []node        { return n.items }
func (n *object) children() []node      { return append(append([]node{}, n.keys...), n.values...) }
func (n *call) children() []node        { return n.args }
func (n *method) children() []node      { return append([]node{n.of}, n.args...) }
func (n *foreign) children() []node     { return n.args }
func (n *loop) children() []node        { return present(n.over, n.body) }
func (n *template) children() []node    { return n.parts }

// present leaves out what is nil.
func present(nodes ...node) []node {
	kept := nodes[:0]
	for _, n := range nodes {
		if n != nil {
			kept = append(kept, n)
		}
	}
	return kept
}

// walk visits n and all its parts.
func walk(n node, visit func(node)) {
	visit(n)
	for _, child := range n.children() {
		walk(child, visit)
	}
}

// secret reports whether n's value was made of a secret.
func secret(n node) bool {
	found := false
	walk(n, func(n node) {
		switch n := n.(type) {
		case *constant:
			found = found || n.secret
		case *laterName:
			found = found || n.secret
		case *foreign:
			found = found || n.fn.Secret
		}
	})
	return found
}

// weight is the number of n's parts, as a measure of what it costs.
func weight(n node) int {
	count := 0
	walk(n, func(node) { count++ })
	return count
}
