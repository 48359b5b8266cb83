package source

import (
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of a file's tree. Aliases count as what they stand for.
const (
	maxNodes = 100_000
	maxDepth = 100
)

// tree parses the document. Where a part of it is no YAML, that part is
// reported and left out, so that the errors of the rest are found as well; then
// whole is false.
func (d *decoder) tree() (root Data, whole bool) {
	const rounds = 30
	lines := append([]string(nil), d.doc.lines...)
	whole = true
	for range rounds {
		node, err := compose(strings.Join(lines, "\n"))
		if err == nil {
			root = d.convert(node)
			return root, whole && !d.broken
		}
		whole, d.broken = false, true
		e, from := explain(d.doc, err)
		d.errs.add(e)
		if !blank(lines, from) {
			break
		}
	}
	return Data{}, whole
}

// compose returns the root node of the one document in text; nil where there is
// none.
func compose(text string) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := loader.Load(&second); err == nil {
		return nil, &secondDocument{line: second.Line}
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// secondDocument is the error of a file with more than one.
type secondDocument struct{ line int }

func (*secondDocument) Error() string { return "a second document begins here" }

// converter makes Data of nodes.
type converter struct {
	*decoder
	done  map[*yaml.Node]converted // anchored nodes
	nodes int                      // expanded so far
	full  bool                     // a bound was reached, and reported

	line, col, byte int // of the last byteAt
}

// converted is an anchored node's Data, and its size with all aliases expanded.
type converted struct {
	data Data
	size int
}

func (d *decoder) convert(root *yaml.Node) Data {
	if root == nil {
		return Data{}
	}
	c := &converter{decoder: d, done: map[*yaml.Node]converted{}}
	data := c.node(root, 0)
	if c.full {
		d.broken = true
		return Data{}
	}
	return data
}

// node converts one node. After a bound was reached it returns nothing.
func (c *converter) node(n *yaml.Node, depth int) Data {
	at := c.doc.at(n.Line, n.Column)
	if !c.room(at, 1, depth) {
		return Data{}
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n, at)
	}
	c.refuse(n, at)
	at = c.behindAnchor(n, at)
	before := c.nodes
	data := Data{Pos: at}
	switch n.Kind {
	case yaml.MappingNode:
		data.Kind, data.Members = Map, c.members(n, depth)
	case yaml.SequenceNode:
		data.Kind = List
		for _, item := range n.Content {
			data.Items = append(data.Items, c.node(item, depth+1))
		}
	default:
		data.Text = c.scalar(n, at)
		data.Kind = kindOf(data.Text)
	}
	if n.Anchor != "" {
		c.done[n] = converted{data, c.nodes - before}
	}
	return data
}

// room counts nodes, and reports once that there are too many or too deep.
func (c *converter) room(at Position, nodes, depth int) bool {
	if c.full {
		return false
	}
	c.nodes += nodes
	switch {
	case c.nodes > maxNodes:
		c.errs.add(Errorf(at, "the file is too large: more than %d values, aliases counted as what they stand for", maxNodes).
			WithHint("do not nest aliases of aliases"))
	case depth > maxDepth:
		c.errs.add(Errorf(at, "nested more than %d deep", maxDepth))
	default:
		return true
	}
	c.full = true
	return false
}

// behindAnchor returns the place of the value itself, where an anchor stands
// before it on its line.
func (c *converter) behindAnchor(n *yaml.Node, at Position) Position {
	if n.Anchor == "" {
		return at
	}
	line := c.doc.line(at.Line)
	rest, ok := strings.CutPrefix(line[c.byteAt(at):], "&"+n.Anchor)
	value := strings.TrimLeft(rest, " \t")
	if !ok || value == "" || value[0] == '#' {
		return at
	}
	before := len(line) - len(value) - c.byteAt(at)
	return c.doc.at(at.Line, at.Col+utf8.RuneCountInString(line[c.byteAt(at):][:before]))
}

// byteAt returns the byte of its line at which a place is. It remembers the last
// place, so that going through a long line takes one pass.
func (c *converter) byteAt(at Position) int {
	if at.Line != c.line || at.Col < c.col {
		c.line, c.col, c.byte = at.Line, 1, 0
	}
	c.byte += byteOf(c.doc.line(at.Line)[c.byte:], at.Col-c.col+1)
	c.col = at.Col
	return c.byte
}

func (c *converter) alias(n *yaml.Node, at Position) Data {
	target, ok := c.done[n.Alias]
	if !ok {
		c.errs.add(Errorf(at, "the alias *%s stands inside of what it stands for", printable(n.Value)))
		return Data{Kind: Null, Pos: at}
	}
	if !c.room(at, target.size, 0) {
		return Data{}
	}
	return target.data
}

func (c *converter) members(n *yaml.Node, depth int) []Member {
	seen := make(map[string]Position, len(n.Content)/2)
	var out []Member
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := c.node(n.Content[i], depth+1)
		value := c.node(n.Content[i+1], depth+1)
		switch {
		case c.full:
			return nil
		case key.Kind == List, key.Kind == Map:
			c.errs.add(Errorf(key.Pos, "a key must be text, not %s", key.Kind.a()).
				WithHint("a value that begins with `{` or `[` needs quotes"))
			continue
		}
		if first, twice := seen[key.Text.Value]; twice {
			c.errs.add(Errorf(key.Pos, "duplicate key %s; the first is in line %d", quote(key.Text.Value), first.Line))
			continue
		}
		seen[key.Text.Value] = key.Pos
		out = append(out, Member{key.Text, value})
	}
	return out
}

// refuse reports what YAML takes out of a value: a tag, and an anchor whose name
// is none.
func (c *converter) refuse(n *yaml.Node, at Position) {
	if n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" {
		c.errs.add(Errorf(at, "%s is a YAML tag, which a flow file does not have", quote(n.Tag)).
			WithHint("an expression that begins with `!` needs quotes, or `not` instead"))
	}
	if strings.ContainsAny(n.Anchor, "&(\"'") {
		c.errs.add(Errorf(at, "YAML takes %s for an anchor", quote("&"+n.Anchor)).
			WithHint("a value that begins with `&` needs quotes"))
	}
}

func (c *converter) scalar(n *yaml.Node, at Position) Text {
	c.doc.last[at.Line] = max(at.Col, c.doc.last[at.Line])
	t := Text{Value: n.Value, Pos: at}
	if n.Value == "" && strings.HasPrefix(n.Tag, "!") && n.Tag != "!!null" && n.Tag != "!!str" {
		t.Value = n.Tag // the whole value was taken for a tag, which was reported
	}
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		t.style = singleQuoted
	case n.Style&yaml.DoubleQuotedStyle != 0:
		t.style = doubleQuoted
	case n.Style&yaml.LiteralStyle != 0:
		t.style = literal
	case n.Style&yaml.FoldedStyle != 0:
		t.style = folded
	}
	return t
}

// kindOf types a scalar as JSON would.
func kindOf(t Text) Kind {
	switch {
	case t.style != plain:
		return String
	case t.Value == "", t.Value == "null":
		return Null
	case t.Value == "true", t.Value == "false":
		return Bool
	case isNumber(t.Value):
		return Number
	}
	return String
}

// isNumber reports whether s is a number of JSON (RFC 8259, section 6).
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if rest, ok := strings.CutPrefix(s, "."); ok {
		n := digits(rest)
		if n == 0 {
			return false
		}
		s = rest[n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digits(s) == len(s)
}

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
