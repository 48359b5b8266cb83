package expression

import (
	"strconv"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

// Ref says of which message a field is read: Own, or the index of a step in
// Scope.Steps.
type Ref int

// Own is the message that an expression is about.
const Own Ref = -1

// Source is a part of a message.
type Source uint8

// The parts of a message. HeaderInt and HeaderUUID read a header's raw bytes;
// Death is the record of a dead letter.
const (
	Body Source = iota
	Text
	Tombstone
	Key
	Headers
	HeadersAll
	HeaderInt
	HeaderUUID
	Properties
	Channel
	Position
	Time
	Seen
	Redelivered
	Death
)

var sourceNames = [...]string{
	Body: "body", Text: "text", Tombstone: "tombstone", Key: "key",
	Headers: "headers", HeadersAll: "headersAll",
	HeaderInt: "headerInt", HeaderUUID: "headerUUID",
	Properties: "properties", Channel: "channel", Position: "position",
	Time: "time", Seen: "seen", Redelivered: "redelivered", Death: "death",
}

// String returns the source's name in an expression.
func (s Source) String() string { return sourceNames[s] }

// Elem is one step of a path: the name of a member, or an index (from 0) of a
// list.
type Elem = payload.Elem

// Field is a part of a message, or a place within it. Only Body has paths of
// any length. Headers, HeadersAll and Properties have none (all of them) or the
// one name; HeaderInt and HeaderUUID have the one name; Death has none, one or
// two names (error.class, origin.topic); the others have none.
type Field struct {
	Source Source
	Path   []Elem
}

// String spells the field as an expression does, such as body.lines[0].sku.
// Different fields are spelt differently, so it serves as a key.
func (f Field) String() string {
	var b strings.Builder
	b.WriteString(f.Source.String())
	call := f.Source == HeaderInt || f.Source == HeaderUUID
	for _, e := range f.Path {
		switch {
		case e.IsIndex:
			b.WriteString("[" + strconv.Itoa(e.Index) + "]")
		case call:
			b.WriteString("(" + strconv.Quote(e.Name) + ")")
		case isIdentifier(e.Name) && f.Source != Headers && f.Source != HeadersAll && f.Source != Properties:
			b.WriteString("." + e.Name)
		default:
			b.WriteString("[" + strconv.Quote(e.Name) + "]")
		}
	}
	return b.String()
}

// Use is one field of one message that an expression reads.
type Use struct {
	Ref   Ref
	Field Field
}

// Walk follows path from v; nil where it leads nowhere.
func Walk(v payload.Value, path []Elem) payload.Value {
	for _, e := range path {
		if !e.IsIndex {
			v = v.Member(e.Name)
			continue
		}
		items := v.List()
		if e.Index < 0 || e.Index >= len(items) {
			return payload.Value{}
		}
		v = items[e.Index]
	}
	return v
}

// isIdentifier reports whether name may follow a dot.
func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
