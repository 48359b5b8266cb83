package flows

import (
	"strings"

	"github.com/flowcheck/flowcheck/expression"
)

// Noise is a field that varies by nature, so that its differences between two
// runs mean nothing.
type Noise struct {
	// Step is the index of the step whose messages have it, -1 for all messages.
	Step int
	// Path as an expression has it, without indices: body.lines.code is the code
	// of each line.
	Path string
}

// Covers reports whether the field at path, as an expression spells it, is the
// noise or part of it.
func (n Noise) Covers(path string) bool {
	path = withoutIndices(path)
	rest, ok := strings.CutPrefix(path, n.Path)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// withoutIndices takes [0] and the like out of a path; names in quotes stay.
func withoutIndices(path string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(path, '[')
		if open < 0 || open+1 == len(path) {
			break
		}
		end := strings.IndexByte(path[open:], ']')
		if path[open+1] == '"' {
			end = strings.Index(path[open:], "\"]")
		}
		if end < 0 {
			break
		}
		end += open + 1
		if path[open+1] == '"' {
			end++
			b.WriteString(path[:end])
		} else {
			b.WriteString(path[:open])
		}
		path = path[end:]
	}
	return b.String() + path
}

// compileNoise reads the paths of noise:.
func (c *compiler) compileNoise() {
	scope := &expression.Scope{Own: true}
	for i := range c.flow.Steps {
		scope.Steps = append(scope.Steps, expression.Step{Name: c.flow.Steps[i].Name})
	}
	for _, t := range c.file.Noise {
		expr := c.parse(t, scope)
		if expr == nil {
			continue
		}
		n := Noise{Step: -1}
		spelt := ""
		if len(expr.Uses) == 1 {
			use := expr.Uses[0]
			n.Path = withoutIndices(use.Field.String())
			if spelt = use.Field.String(); use.Ref != expression.Own {
				n.Step = int(use.Ref)
				spelt = c.flow.Steps[n.Step].Name + "." + spelt
			}
		}
		if spelt != t.Value {
			c.fail(t.Pos, "%q is no path: write body.code, headers[\"x-code\"], key, or with a step before it: mailed.body.code", t.Value)
			continue
		}
		c.flow.Noise = append(c.flow.Noise, n)
	}
}
