package source

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerpt returns the line of a position and a caret under its column, or ""
// where the position has no line.
func excerpt(p Position) string {
	const width = 120 // of what is shown of a long line
	line := []rune(printable(masked(p.doc, p.Line)))
	if !p.IsSet() || len(strings.TrimSpace(string(line))) == 0 {
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
	const secret = `(?i)(passw\w*|pwd|secret|token|credentials?)["']?\s*:\s*`
	line := doc.line(n)
	if regexp.MustCompile(secret + `[|>]?[-+0-9]*\s*$`).MatchString(doc.line(n - 1)) {
		return maskFrom(line, len(line)-len(strings.TrimLeft(line, " ")))
	}
	line = maskGroup(line, regexp.MustCompile(`://[^:/@\s]*:([^\s]*)@`))
	return maskGroup(line, regexp.MustCompile(secret+`("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}]+)`))
}

// maskGroup masks what the last group of the expression matches, but for a
// reference to a secret: ${…}.
func maskGroup(line string, re *regexp.Regexp) string {
	for _, m := range re.FindAllStringSubmatchIndex(line, -1) {
		from, to := m[len(m)-2], m[len(m)-1]
		value := line[from:to]
		if strings.HasPrefix(strings.Trim(value, `"'`), "${") {
			continue
		}
		line = line[:from] + maskFrom(value, 0) + line[to:]
	}
	return line
}

// maskFrom replaces each character from a byte offset on. The number of bytes
// stays, so that offsets do; of characters it stays for ASCII.
func maskFrom(s string, from int) string {
	return s[:from] + strings.Repeat("*", len(s)-from)
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
