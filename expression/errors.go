package expression

import (
	"fmt"
	"strings"
)

// Error is one mistake in the source of an expression.
type Error struct {
	Message string
	// Offset is in bytes from 0. Line counts from 1, Column counts characters
	// from 1.
	Offset, Line, Column int
}

// Error returns line:column: message.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// Errors are all the mistakes found in one expression; at least one, in the
// order of the source. Parse and ParseTemplate return no other error type.
type Errors []*Error

// Error returns the mistakes, a line each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}
