package jsonscan

import "fmt"

// Fault tells why a text is not JSON.
type Fault uint8

// The faults; OK is none.
const (
	OK Fault = iota
	Cut
	Unexpected
	Control
	NotUTF8
	Escape
	Depth
	Trailing
)

// Error is a fault in its place.
type Error struct {
	// Offset is where the text goes wrong, in bytes from 0.
	Offset int
	Fault  Fault
	found  byte
}

// At makes an *Error of the fault at index i of data; nil of OK.
func (f Fault) At(data []byte, i int) error {
	if f == OK {
		return nil
	}
	e := &Error{Offset: i, Fault: f}
	if i < len(data) {
		e.found = data[i]
	}
	return e
}

func (e *Error) Error() string {
	return fmt.Sprintf("not JSON: %s at byte %d", e.reason(), e.Offset+1)
}

func (e *Error) reason() string {
	switch e.Fault {
	case Cut:
		return "it ends too early,"
	case Control:
		return fmt.Sprintf("control character 0x%02x in a string", e.found)
	case NotUTF8:
		return "bytes that are no UTF-8"
	case Escape:
		return "unknown escape in a string"
	case Depth:
		return fmt.Sprintf("more than %d levels of nesting", MaxDepth)
	case Trailing:
		return fmt.Sprintf("%q after the end", e.found)
	default:
		return fmt.Sprintf("unexpected %q", e.found)
	}
}
