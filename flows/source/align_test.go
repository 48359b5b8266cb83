package source

import (
	"fmt"
	"strings"
	"testing"
)

// at is the place of the first ^ in a text of the file; the mark is taken out.
func at(t *testing.T, marked string) (text string, line, col int) {
	t.Helper()
	before, after, ok := strings.Cut(marked, "^")
	if !ok {
		t.Fatalf("no mark in %q", marked)
	}
	lines := strings.Split(before, "\n")
	return before + after, len(lines), len([]rune(lines[len(lines)-1])) + 1
}

// TestAt: an offset inside of a scalar's value is found in the file. In each
// text the mark ^ stands before the character X, which the value has once.
func TestAt(t *testing.T) {
	for name, marked := range map[string]string{
		"plain":                   "v: abc ^X def",
		"plain first":             "v: ^Xabc",
		"plain, not ASCII":        "v: äö€😀 ^X",
		"plain in a map":          "v: { ä: 1, e: bc ^X d }",
		"plain on two lines":      "v: abc\n  def ^X",
		"plain after an empty":    "v: abc\n\n\n   def ^X",
		"plain with spaces":       "v: abc   \n \t\n  ^X",
		"plain with a comment":    "v: abc ^X # comment",
		"plain in a list":         "- a\n- b ^X",
		"single":                  "v: 'abc ^X'",
		"single with a quote":     "v: 'it''s ''^X'' '",
		"single on two lines":     "v: 'abc\n  def ''\n\n  ^X'",
		"double":                  `v: "abc ^X"`,
		"double with quotes":      `v: "a \"^X\""`,
		"double with escapes":     `v: "\t\n\\\x41\u00e4\U0001F600 ^X"`,
		"double, a cut line":      "v: \"abc \\\n   def ^X\"",
		"double on three lines":   "v: \"abc\n  def\n\n  ^X\"",
		"double, escaped space":   `v: "a\ b\/^X"`,
		"literal":                 "v: |\n  abc\n   def\n\n  ä ^X\n",
		"literal, empty first":    "v: |\n\n  abc\n  ^X\n",
		"literal, stripped":       "v: |-\n    abc\n    ^X",
		"literal, indentation":    "v: |2\n    abc\n   ^X\n",
		"literal in a list":       "a:\n  - |\n   abc\n   ^X\n",
		"folded":                  "v: >\n  abc\n  def ^X\n",
		"folded, paragraphs":      "v: >-\n  abc\n  def\n\n  ghi ^X\n",
		"folded, indented line":   "v: >\n  abc\n    def ^X\n  ghi\n",
		"folded, after indented":  "v: >\n  abc\n    def\n  ghi ^X\n",
		"folded, header comment":  "v: > # 2\n  abc ^X\n",
		"Windows":                 "a: b\r\nv: abc\r\n  ^X\r\n",
		"byte order mark":         "\ufeffa: ^X",
		"key in quotes":           "\"a\": 'b ^X'",
		"after a flow on a line":  "v: [ 'a''b', \"c\\\"d\", e ^X ]",
		"alias":                   "a: &a b ^X\nv: *a",
		"anchor":                  "v: &a b ^X",
		"literal, trailing empty": "v: |+\n  abc ^X\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			text, line, col := at(t, marked)
			if strings.HasPrefix(text, "\ufeff") {
				col-- // editors do not show it
			}
			doc, refused := newDocument("f", []byte(text))
			if refused != nil {
				t.Fatal(refused)
			}
			d := &decoder{doc: doc, errs: &collector{}}
			root, _ := d.tree()
			if len(d.errs.errs) > 0 {
				t.Fatal(d.errs.errs)
			}
			found := false
			eachScalar(root, func(s Text) {
				if i := strings.Index(s.Value, "X"); i >= 0 {
					found = true
					if got, want := s.At(i).String(), fmt.Sprintf("f:%d:%d", line, col); got != want {
						t.Errorf("%q: at %s, not %s", s.Value, got, want)
					}
				}
			})
			if !found {
				t.Fatal("no X in the values")
			}
		})
	}
}

func eachScalar(d Data, do func(Text)) {
	if d.Kind != List && d.Kind != Map {
		do(d.Text)
	}
	for _, item := range d.Items {
		eachScalar(item, do)
	}
	for _, m := range d.Members {
		eachScalar(m.Value, do)
	}
}

// TestAtBounds: offsets that no value has are its beginning or its end, and
// a text that is not from a file has no place.
func TestAtBounds(t *testing.T) {
	doc, _ := newDocument("f", []byte("v: abc"))
	text := Text{Value: "abc", Pos: doc.at(1, 4)}
	for offset, want := range map[int]string{-1: "f:1:4", 0: "f:1:4", 3: "f:1:7", 99: "f:1:7"} {
		if got := text.At(offset).String(); got != want {
			t.Errorf("at %d: %s, not %s", offset, got, want)
		}
	}
	text.Value = "something else"
	if got := text.At(5).String(); got != "f:1:4" {
		t.Errorf("a value that is not what stands there: %s", got)
	}
	if got := (Text{Value: "abc"}).At(2); got.IsSet() {
		t.Errorf("a text from nowhere is at %s", got)
	}
}
