package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad: whatever the bytes, Load returns a file, or errors that point into
// it, and each text of the tree is found again in the source.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/wrong/*.yaml", "testdata/wrong/parts/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 16 << 10
		if len(data) > most {
			return
		}
		open := func(string) ([]byte, error) { return data, nil }
		file, errs := Load("x.yaml", data, open)
		if file == nil && len(errs) == 0 {
			t.Fatal("neither a file nor an error")
		}
		lines := bytes.Split(data, []byte("\n"))
		for _, e := range errs {
			checkError(t, e, lines)
		}
		var out strings.Builder
		if err := errs.Format(&out); err != nil || !utf8.ValidString(out.String()) {
			t.Fatalf("%v: %q", err, out.String())
		}
		checkPlaces(t, data)
		if _, errs := LoadVars("x.yaml", data); len(errs) > 0 && errs.Error() == "" {
			t.Fatal("an error without text")
		}
	})
}

func checkError(t *testing.T, e Error, lines [][]byte) {
	t.Helper()
	if e.Message == "" || strings.ContainsAny(e.Message, "\n\r\x1b") {
		t.Fatalf("message %q", e.Message)
	}
	if e.Line > len(lines) || e.Line > 0 && (e.Col < 1 || e.Col > utf8.RuneCount(lines[e.Line-1])+1) {
		t.Fatalf("%v is outside of the file", e)
	}
}

// checkPlaces: a character of a plain text on one line is where At says.
func checkPlaces(t *testing.T, data []byte) {
	t.Helper()
	doc, refused := newDocument("x.yaml", data)
	if refused != nil {
		return
	}
	d := &decoder{doc: doc, errs: &collector{}}
	root, _ := d.tree()
	left := 1000
	eachScalar(root, func(s Text) {
		if left--; left < 0 || len(s.Value) > 200 {
			return
		}
		for i, r := range s.Value {
			p := s.At(i)
			line := []rune(doc.line(p.Line))
			if p.Line < 1 || p.Col < 1 || p.Col > len(line)+1 {
				t.Fatalf("%q at %d is %v, outside of the file", s.Value, i, p)
			}
			if s.style == plain && p != s.Pos && r != ' ' && r != '\n' && (p.Col > len(line) || line[p.Col-1] != r) {
				t.Fatalf("%q at %d is %v, where %q stands", s.Value, i, p, string(line))
			}
		}
	})
}
