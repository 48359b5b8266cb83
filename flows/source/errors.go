package source

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Error is one thing wrong with a flow file.
type Error struct {
	Position
	Message string // lower case, names the thing
	Hint    string // the way out; may be empty
}

// Errorf makes an Error at a place.
func Errorf(at Position, format string, args ...any) Error {
	return Error{Position: at, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns e with the way out.
func (e Error) WithHint(format string, args ...any) Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Error returns file:line:col: message.
func (e Error) Error() string {
	if place := e.Position.String(); place != "" {
		return place + ": " + e.Message
	}
	return e.Message
}

// Format writes the error, the source line with a caret under the column, and
// the hint. Passwords in the line are masked.
func (e Error) Format(w io.Writer) error {
	return e.format(w, &excerpts{})
}

func (e Error) format(w io.Writer, x *excerpts) error {
	_, err := io.WriteString(w, e.Error()+"\n"+x.at(e.Position)+hint(e.Hint))
	return err
}

func hint(text string) string {
	if text == "" {
		return ""
	}
	return "  hint: " + text + "\n"
}

// Errors is all that is wrong with a flow file. A caller may append errors of
// its own and Sort again.
type Errors []Error

// Error returns one line for each error.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Format writes each error with its source line, a caret and a hint.
func (es Errors) Format(w io.Writer) error {
	x := &excerpts{}
	for _, e := range es {
		if err := e.format(w, x); err != nil {
			return err
		}
	}
	return nil
}

// Sort orders the errors by file, line and column, and drops repeats.
func (es Errors) Sort() Errors {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(es, func(a, b Error) bool {
		return a.File == b.File && a.Line == b.Line && a.Col == b.Col && a.Message == b.Message
	})
}

// collector gathers errors up to a number that a reader could still want.
type collector struct {
	errs    Errors
	dropped int
}

// full reports whether further errors are only counted.
func (c *collector) full() bool {
	const most = 500
	return len(c.errs) >= most
}

func (c *collector) add(e Error) {
	if c.full() {
		c.dropped++
		return
	}
	c.errs = append(c.errs, e)
}

// all returns the errors in order, and the number of those dropped as a last one.
func (c *collector) all() Errors {
	es := c.errs.Sort()
	if c.dropped > 0 {
		es = append(es, Errorf(Position{}, "%d more errors are not shown", c.dropped))
	}
	return es
}
