package source

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the largest flow file, and the largest used file.
const MaxBytes = 1 << 20

// document is the text of one file.
type document struct {
	name  string
	lines []string // without their breaks

	hasComments bool        // it may have comments behind values
	last        map[int]int // for each line, the column of the last scalar that begins in it
}

// newDocument refuses what cannot be the text of a flow file: too large, empty,
// binary, no UTF-8, or in another language.
func newDocument(name string, data []byte) (*document, *Error) {
	doc := &document{name: name, last: map[int]int{}}
	at := Position{File: name}
	if len(data) > MaxBytes {
		e := Errorf(at, "the file has %s; a flow file has at most 1 MiB", size(len(data)))
		e = e.WithHint("split it with `use:`, or give the flow file, not a recording")
		return nil, &e
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(bytes.TrimSpace(data)) == 0 {
		e := Errorf(at, "the file is empty").WithHint("start with `flowcheck init`")
		return nil, &e
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	doc.lines = strings.Split(text, "\n")
	doc.hasComments = strings.Contains(text, " #") || strings.Contains(text, "\t#")
	if e := doc.refuse(text); e != nil {
		return nil, e
	}
	return doc, nil
}

// refuse finds the first character that no flow file has.
func (doc *document) refuse(text string) *Error {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		e := Errorf(doc.at(1, 1), "the file is in UTF-16").WithHint("save it as UTF-8")
		return &e
	}
	line, col := 1, 1
	for i, r := range text {
		switch {
		case r == '\n':
			line, col = line+1, 0
		case r == utf8.RuneError && strings.HasPrefix(text[i:], "\ufffd"):
			// The character itself, which is legal.
		case r == utf8.RuneError:
			e := Errorf(doc.at(line, col), "this is no UTF-8 text")
			e = e.WithHint("save the file as UTF-8; a binary file is no flow file")
			return &e
		case isBreak(r):
			e := Errorf(doc.at(line, col), "a line break that editors do not show: %U", r)
			e = e.WithHint("end lines with a line feed; inside double quotes write the character as \\u%04x", r)
			return &e
		case isControl(r):
			e := Errorf(doc.at(line, col), "a control character: %U", r)
			e = e.WithHint("a binary file is no flow file; inside double quotes write the character as \\u%04x", r)
			return &e
		}
		col++
	}
	return nil
}

// isBreak reports whether YAML takes r as a line break where a reader would not.
func isBreak(r rune) bool {
	return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\ufeff'
}

// text returns the whole text; its lines are those of the file.
func (doc *document) text() string { return strings.Join(doc.lines, "\n") }

// line returns a line, from 1; "" where there is none.
func (doc *document) line(n int) string {
	if doc == nil || n < 1 || n > len(doc.lines) {
		return ""
	}
	return doc.lines[n-1]
}

// at makes a Position in the document.
func (doc *document) at(line, col int) Position {
	return Position{File: doc.name, Line: line, Col: col, doc: doc}
}

// inside makes a Position; one behind the last line with text is where that ends.
func (doc *document) inside(line, col int) Position {
	for line > 1 && strings.TrimSpace(doc.line(line)) == "" {
		line, col = line-1, math.MaxInt
	}
	return doc.at(line, min(col, len([]rune(doc.line(line)))+1))
}

// looksForeign returns the language that the text is in, where its beginning
// tells; else "".
func (doc *document) looksForeign() string {
	text := strings.TrimSpace(doc.text())
	switch {
	case strings.HasPrefix(text, "<"):
		return "XML or HTML"
	case strings.HasPrefix(text, "package "), strings.HasPrefix(text, "import "),
		strings.HasPrefix(text, "public class "), strings.HasPrefix(text, "#!"):
		return "a program"
	case strings.HasPrefix(text, `{"flowcheck":"recording/`):
		return "a recording"
	}
	return ""
}

// mentions reports whether a line of the document begins with the key.
func (doc *document) mentions(key string) bool {
	for _, line := range doc.lines {
		word := strings.TrimLeft(line, "{ \t\"'")
		if rest, ok := strings.CutPrefix(word, key); ok {
			rest = strings.TrimLeft(rest, "\"' \t")
			if strings.HasPrefix(rest, ":") {
				return true
			}
		}
	}
	return false
}

func size(n int) string {
	const mib = 1 << 20
	if n < 10*mib {
		return fmt.Sprintf("%.1f MiB", math.Ceil(float64(n)/mib*10)/10)
	}
	return fmt.Sprintf("%d MiB", n/mib)
}
