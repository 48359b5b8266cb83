package source

import "strings"

// blank empties the lines of what a line is part of: an entry of a section, or
// else the section. It returns false where that would leave nothing.
func blank(lines []string, line int) bool {
	at := min(max(line-1, 0), len(lines)-1)
	from := at
	for from > 0 && !beginsSection(lines[from]) {
		from--
	}
	to := from + 1
	for to < len(lines) && !beginsSection(lines[to]) {
		to++
	}
	if entry, end := entryAt(lines[:to], from, at); entry > from && wipe(lines[entry:end]) {
		return true
	}
	return wipe(lines[from:to]) && strings.TrimSpace(strings.Join(lines, "")) != ""
}

// beginsSection reports whether a top-level key may stand in the line.
func beginsSection(line string) bool {
	return line != "" && !strings.ContainsRune(" \t#-}]", rune(line[0]))
}

// entryAt returns the lines of the entry, of the section that begins at from,
// in which a line is. Without one it returns from.
func entryAt(lines []string, from, at int) (first, end int) {
	const none = -1
	depth := none
	for i := from + 1; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		if text == "" || text[0] == '#' {
			continue
		}
		indent := len(lines[i]) - len(text)
		if depth == none {
			depth = indent
		}
		switch {
		case indent > depth:
		case i <= at:
			first = i
		default:
			return max(first, from), i
		}
	}
	return max(first, from), len(lines)
}

// wipe empties lines, and reports whether there was anything in them.
func wipe(lines []string) bool {
	found := false
	for i := range lines {
		found = found || strings.TrimSpace(lines[i]) != ""
		lines[i] = ""
	}
	return found
}
