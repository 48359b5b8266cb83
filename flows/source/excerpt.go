package source

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerpts shows source lines. It keeps the last one, since errors come in the
// order of the file, and a line can be as long as a file.
type excerpts struct {
	doc  *document
	n    int
	line []rune
}

// at returns the line of a position and a caret under its column, or "" where
// the position has no line.
func (x *excerpts) at(p Position) string {
	const width = 120 // of what is shown of a long line
	if x.doc != p.doc || x.n != p.Line {
		x.doc, x.n, x.line = p.doc, p.Line, []rune(printable(masked(p.doc, p.Line)))
	}
	line := x.line
	if !p.IsSet() || !slices.ContainsFunc(line, func(r rune) bool { return !unicode.IsSpace(r) }) {
		return ""
	}
	col := min(max(p.Col-1, 0), len(line))
	from := 0
	if col > width-20 {
		from = col - width/2
	}
	to := min(from+width, len(line))
	shown, pad := string(line[from:to]), make([]rune, 0, col-from)
	for _, r := range line[from:col] {
		if r != '\t' {
			r = ' '
		}
		pad = append(pad, r)
	}
	if from > 0 {
		shown, pad = "…"+shown, append([]rune{' '}, pad...)
	}
	if to < len(line) {
		shown += "…"
	}
	return "  " + shown + "\n  " + string(pad) + "^\n"
}

// masked returns a line with its passwords replaced by as many asterisks.
func masked(doc *document, n int) string {
	const secret = `(?i)(pas+\w*|pwd|secret|token|credentials?)["']?\s*:\s*`
	line := doc.line(n)
	if regexp.MustCompile(secret + `[|>]?[-+0-9]*\s*$`).MatchString(doc.line(n - 1)) {
		value := strings.TrimLeft(line, " ")
		return strings.TrimSuffix(line, value) + strings.Repeat("*", len(value))
	}
	line = maskGroup(line, regexp.MustCompile(`://[^:/@\s]*:([^\s]*)@`))
	return maskGroup(line, regexp.MustCompile(secret+`("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}]+)`))
}

// maskGroup masks what the last group of the expression matches, but for a
// reference to a secret: ${…}. The number of bytes stays.
func maskGroup(line string, re *regexp.Regexp) string {
	out := []byte(line)
	for _, m := range re.FindAllStringSubmatchIndex(line, -1) {
		from, to := m[len(m)-2], m[len(m)-1]
		if strings.HasPrefix(strings.TrimLeft(line[from:to], `"'`), "${") {
			continue
		}
		copy(out[from:to], bytes.Repeat([]byte("*"), to-from))
	}
	return string(out)
}

// printable replaces characters that would act on a terminal, or turn the text
// around.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == utf8.RuneError:
			return '\ufffd'
		}
		return r
	}, s)
}
