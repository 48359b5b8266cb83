package source

import "fmt"

// Position is a place in a flow file. The zero value is no place.
type Position struct {
	File string // as it was named to Load, or in use:
	Line int    // from 1
	Col  int    // from 1, in characters

	doc *document // where to find the source line
}

// String returns file:line:col, or less of it where less is known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// IsSet reports whether p is a place in a file.
func (p Position) IsSet() bool { return p.Line > 0 }

// Text is a scalar of the file as it was written: it may be an expression, or
// hold ${…}.
type Text struct {
	Value string
	Pos   Position // of its first character, a quote included

	style style
}

// style is how a scalar was written.
type style uint8

const (
	plain style = iota
	singleQuoted
	doubleQuoted
	literal
	folded
)

// IsSet reports whether the text is in the file, empty or not.
func (t Text) IsSet() bool { return t.Value != "" || t.Pos.IsSet() }

// String returns the value.
func (t Text) String() string { return t.Value }

// Quoted reports whether the text was written in quotes or as a block, and so
// is text whatever it looks like.
func (t Text) Quoted() bool { return t.style != plain }
