package source

import (
	"strings"
	"unicode/utf8"
)

// refuseCut reports a `#` behind a plain scalar that was meant to belong to it:
// where the text before it is not complete, or no space follows it. It reports
// whether there is one.
func (v val) refuseCut(t Text, incomplete bool) bool {
	comment, at := t.comment()
	tight := len(comment) > 1 && !strings.ContainsAny(comment[1:2], " \t#!-=")
	if comment == "" || !incomplete && !tight {
		return false
	}
	e := Errorf(at, "YAML takes this `#` for a comment, which cuts %s off", quote(v.key))
	if incomplete {
		v.errs.add(e.WithHint("put the whole value into quotes"))
	} else {
		v.errs.add(e.WithHint("put the whole value into quotes, or a space behind the `#` of a comment"))
	}
	return true
}

// comment returns the comment that follows a plain scalar on its last line and
// where it begins, or "".
func (t Text) comment() (string, Position) {
	doc := t.Pos.doc
	if t.style != plain || doc == nil || !doc.hasComments || doc.last[t.Pos.Line] != t.Pos.Col {
		return "", Position{}
	}
	places, end, ok := t.align()
	if !ok {
		return "", Position{}
	}
	line := places[len(places)-1].line
	left := doc.line(line)[end:]
	comment := strings.TrimLeft(left, " \t")
	if comment == left || !strings.HasPrefix(comment, "#") {
		return "", Position{}
	}
	col := utf8.RuneCountInString(strings.TrimSuffix(doc.line(line), comment)) + 1
	return comment, doc.at(line, col)
}
