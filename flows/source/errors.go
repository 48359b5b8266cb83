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
	if e.Position.String() == "" {
		return e.Message
	}
	return e.Position.String() + ": " + e.Message
}

// Format writes the error, the source line with a caret under the column, and
// the hint.
func (e Error) Format(w io.Writer) error {
	var b strings.Builder
	b.WriteString(e.Error() + "\n")
	if e.Hint != "" {
		b.WriteString("  hint: " + e.Hint + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
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
	for _, e := range es {
		if err := e.Format(w); err != nil {
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
		return a.Position == b.Position && a.Message == b.Message
	})
}
