package source

import (
	"strings"
	"unicode/utf8"
)

// At returns the place of a byte offset into the value: exact where the scalar
// can be followed through its quotes, escapes and folded lines, else where it
// begins.
func (t Text) At(offset int) Position {
	places, _, ok := t.align()
	if !ok || offset < 0 {
		return t.Pos
	}
	p := places[min(offset, len(places)-1)]
	return t.Pos.doc.at(p.line, p.col)
}

// place is a line and a column, from 1.
type place struct{ line, col int }

// align finds the place of each byte of the value and of its end (the last
// item), and the byte in its line at which the source of the value ends.
func (t Text) align() (places []place, end int, ok bool) {
	if t.Pos.doc == nil || !t.Pos.IsSet() {
		return nil, 0, false
	}
	w := &walk{doc: t.Pos.doc, line: t.Pos.Line, col: t.Pos.Col, value: t.Value, style: t.style}
	w.at = byteOf(w.doc.line(w.line), t.Pos.Col)
	switch t.style {
	case literal, folded:
		ok = w.block()
	case singleQuoted, doubleQuoted:
		w.skip(1)
		ok = w.flow()
	default:
		ok = w.flow()
	}
	w.mark(1)
	return w.places, w.at, ok
}

// byteOf returns the byte at which a column begins.
func byteOf(line string, col int) int {
	at := 0
	for ; col > 1 && at < len(line); col-- {
		_, n := utf8.DecodeRuneInString(line[at:])
		at += n
	}
	return at
}

// walk goes through the source and the value side by side.
type walk struct {
	doc    *document
	line   int    // in the source
	at     int    // byte in the line
	col    int    // of that byte
	value  string // what is left of the value
	style  style
	places []place
}

// mark notes the present place for the next n bytes of the value.
func (w *walk) mark(n int) {
	for range n {
		w.places = append(w.places, place{w.line, w.col})
	}
}

// skip goes n bytes on in the line.
func (w *walk) skip(n int) {
	left := w.left()
	n = min(n, len(left))
	w.col += utf8.RuneCountInString(left[:n])
	w.at += n
}

// jump goes to a byte of a line before which there are only spaces and tabs.
func (w *walk) jump(line, at int) {
	w.line, w.at, w.col = line, at, at+1
}

// margin returns the number of spaces and tabs that a line begins with.
func (w *walk) margin(line int) int {
	s := w.doc.line(line)
	return len(s) - len(strings.TrimLeft(s, " \t"))
}

// take consumes n bytes of the value at the present place.
func (w *walk) take(n int) {
	w.mark(n)
	w.value = w.value[n:]
}

// left returns what is left of the line.
func (w *walk) left() string {
	line := w.doc.line(w.line)
	return line[min(w.at, len(line)):]
}

// flow follows plain and quoted scalars.
func (w *walk) flow() bool {
	for w.value != "" {
		left := w.left()
		switch {
		case strings.Trim(left, " \t") == "":
			if !w.fold(true) {
				return false
			}
		case w.style == doubleQuoted && left[0] == '\\':
			if !w.escape(left) {
				return false
			}
		case w.style == singleQuoted && strings.HasPrefix(left, "''"):
			if w.value[0] != '\'' {
				return false
			}
			w.take(1)
			w.skip(2)
		default:
			if !w.same(left) {
				return false
			}
		}
	}
	return true
}

// same consumes one character that stands for itself.
func (w *walk) same(left string) bool {
	r, n := utf8.DecodeRuneInString(left)
	v, _ := utf8.DecodeRuneInString(w.value)
	if left == "" || r != v {
		return false
	}
	w.take(n)
	w.skip(n)
	return true
}

// fold goes over line breaks: one is a space in the value, each further one a
// line feed. With trim, the next line's indentation is no part of the value.
func (w *walk) fold(trim bool) bool {
	breaks, next := 1, w.line+1
	for next <= len(w.doc.lines) && strings.Trim(w.doc.line(next), " \t") == "" {
		breaks, next = breaks+1, next+1
	}
	if next > len(w.doc.lines) {
		return false
	}
	switch {
	case strings.HasPrefix(w.value, "\n"):
		n := len(w.value) - len(strings.TrimLeft(w.value, "\n"))
		w.take(min(n, breaks))
	case w.value[0] == ' ' && breaks == 1:
		w.take(1)
	default:
		return false
	}
	w.jump(next, 0)
	if trim {
		w.jump(next, w.margin(next))
	}
	return true
}

// escape goes over a backslash and what belongs to it, in double quotes.
func (w *walk) escape(left string) bool {
	if strings.Trim(left[1:], " \t") == "" { // an escaped line break
		w.jump(w.line+1, w.margin(w.line+1))
		return w.line <= len(w.doc.lines)
	}
	_, n := utf8.DecodeRuneInString(left[1:])
	size := 1 + n
	switch left[1] {
	case 'x':
		size = 4
	case 'u':
		size = 6
	case 'U':
		size = 10
	}
	if size > len(left) {
		return false
	}
	r, n := utf8.DecodeRuneInString(w.value)
	if left[1] == 'u' && r > 0xffff { // a surrogate pair
		size = min(12, len(left))
	}
	w.take(n)
	w.skip(size)
	return true
}

// block follows literal and folded block scalars, from the line after their
// header on.
func (w *walk) block() bool {
	header := w.left()
	w.jump(w.line+1, 0)
	indent, ok := w.indent(header)
	if !ok {
		return false
	}
	w.jump(w.line, indent)
	for strings.HasPrefix(w.value, "\n") && strings.Trim(w.left(), " ") == "" {
		w.take(1)
		w.jump(w.line+1, indent)
	}
	for w.value != "" {
		switch {
		case w.left() != "":
			if !w.same(w.left()) {
				return false
			}
		case w.value == strings.Repeat("\n", len(w.value)): // the end, kept or not
			w.take(len(w.value))
		case w.style == literal && w.value[0] == '\n':
			w.take(1)
			w.jump(w.line+1, indent)
		case w.style == folded && w.fold(false):
			w.jump(w.line, indent)
		default:
			return false
		}
	}
	return true
}

// indent returns how far a block is indented: as its first line is, less the
// spaces that belong to the value.
func (w *walk) indent(header string) (int, bool) {
	line := w.line
	for line <= len(w.doc.lines) && strings.Trim(w.doc.line(line), " ") == "" {
		line++
	}
	first := w.doc.line(line)
	indent := len(first) - len(strings.TrimLeft(first, " "))
	value := strings.TrimLeft(w.value, "\n")
	if strings.ContainsAny(header, "123456789") { // the indentation is told
		indent -= len(value) - len(strings.TrimLeft(value, " "))
	}
	return indent, indent >= 0
}
