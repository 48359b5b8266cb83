package payload

import "github.com/flowcheck/flowcheck/message/jsonscan"

// Scanner scans bodies for Paths, and finds the members of one where the body
// before had them: those of a channel are mostly written by one program. It is
// for one goroutine.
type Scanner struct {
	paths   *Paths
	members []guess // of the body before
}

// guess is a member as it was written, and the node that it leads to: nil where
// no path goes there.
type guess struct {
	text []byte // of the name: quotes, colon and nothing between
	to   *node
}

// maxGuesses bounds the members that are remembered.
const maxGuesses = 256

// NewScanner returns a Scanner for the paths.
func NewScanner(p *Paths) *Scanner { return &Scanner{paths: p} }

// Scan is Paths.Scan.
func (s *Scanner) Scan(data []byte, i, depth int, out []Value) (end int, fault jsonscan.Fault) {
	root := &s.paths.root
	if len(root.slots) > 0 || len(root.names) == 0 || i >= len(data) || data[i] != '{' {
		return s.paths.Scan(data, i, depth, out)
	}
	out = out[:s.paths.count]
	clear(out)
	i, more, fault := jsonscan.Open(data, i, depth)
	for nth := 0; more && fault == jsonscan.OK; nth++ {
		var to *node
		if to, i, fault = s.name(data, i, nth); fault != jsonscan.OK {
			break
		}
		if to != nil {
			to.forget(out)
			i, fault = to.read(data, out, i, depth-1)
		} else {
			i, fault = jsonscan.Value(data, i, depth-1)
		}
		if fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(data, i, '}')
		}
	}
	return i, fault
}

// name reads the name of the nth member, at i: where it leads to, and where its
// value begins.
func (s *Scanner) name(data []byte, i, nth int) (to *node, value int, fault jsonscan.Fault) {
	if nth < len(s.members) {
		g := &s.members[nth]
		if value = i + len(g.text); value < len(data) && string(data[i:value]) == string(g.text) && data[value] > ' ' {
			return g.to, value, jsonscan.OK
		}
	}
	end, value, escaped, fault := jsonscan.Name(data, i)
	if fault != jsonscan.OK {
		return nil, value, fault
	}
	to = s.paths.root.named(data[i+1:end-1], escaped)
	if value == end+1 && !escaped {
		s.expect(nth, data[i:value], to)
	}
	return to, value, jsonscan.OK
}

// expect remembers a member.
func (s *Scanner) expect(nth int, text []byte, to *node) {
	switch {
	case nth < len(s.members):
	case nth == len(s.members) && nth < maxGuesses:
		s.members = append(s.members, guess{})
	default:
		return
	}
	g := &s.members[nth]
	g.text, g.to = append(g.text[:0], text...), to
}
