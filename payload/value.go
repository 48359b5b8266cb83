// Package payload turns the bytes of a message into the fields that expressions
// read, and back.
//
//	bytes → Paths.Extract (only the paths asked for, in one pass) → Values
//	      → Decode (the whole) → Value → AppendJSON
//
// It imports message and the standard library.
package payload

import (
	"math"
	"time"
	"unsafe"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of a Value. Number is a JSON number that neither an int64 nor a
// float64 holds exactly; its text is kept.
const (
	Nil Kind = iota
	Bool
	Int
	Float
	Number
	String
	Time
	Duration
	List
	Object
)

// Value is a field of a message, or what an expression made of fields. It is
// three words, so that slots of them are cheap to keep, and is immutable. The
// zero Value is nil.
type Value struct {
	ref  unsafe.Pointer // string bytes, *time.Time, *[]Value or *[]Member
	num  uint64         // the number, the bool, or the string's length
	kind Kind
}

// Member is one member of an Object, in the order of the source.
type Member struct {
	Name  string
	Value Value
}

// OfBool makes a Bool; OfInt and their like make Values of other Go values.
func OfBool(b bool) Value {
	if b {
		return Value{num: 1, kind: Bool}
	}
	return Value{kind: Bool}
}

// OfInt makes an Int.
func OfInt(n int64) Value { return Value{num: uint64(n), kind: Int} }

// OfFloat makes a Float.
func OfFloat(f float64) Value { return Value{num: math.Float64bits(f), kind: Float} }

// OfString makes a String. The bytes are shared, not copied.
func OfString(s string) Value {
	return Value{ref: unsafe.Pointer(unsafe.StringData(s)), num: uint64(len(s)), kind: String}
}

// OfNumber makes a Number of its JSON text.
func OfNumber(text string) Value {
	v := OfString(text)
	v.kind = Number
	return v
}

// OfTime makes a Time.
func OfTime(t time.Time) Value { return Value{ref: unsafe.Pointer(&t), kind: Time} }

// OfDuration makes a Duration.
func OfDuration(d time.Duration) Value { return Value{num: uint64(d), kind: Duration} }

// OfList makes a List. The slice is shared and must not change any more.
func OfList(items []Value) Value { return Value{ref: unsafe.Pointer(&items), kind: List} }

// OfObject makes an Object. The slice is shared and must not change any more.
func OfObject(members []Member) Value { return Value{ref: unsafe.Pointer(&members), kind: Object} }

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.kind }

// IsNil reports whether v is nil.
func (v Value) IsNil() bool { return v.kind == Nil }

// Bool returns a Bool's value; false for any other kind.
func (v Value) Bool() bool { return v.kind == Bool && v.num == 1 }

// Int returns an Int's value; 0 for any other kind.
func (v Value) Int() int64 {
	if v.kind != Int {
		return 0
	}
	return int64(v.num)
}

// Float returns a Float's value; 0 for any other kind.
func (v Value) Float() float64 {
	if v.kind != Float {
		return 0
	}
	return math.Float64frombits(v.num)
}

// Text returns the text of a String or a Number; "" for any other kind.
func (v Value) Text() string {
	if v.kind != String && v.kind != Number {
		return ""
	}
	return unsafe.String((*byte)(v.ref), int(v.num))
}

// Time returns a Time's value; the zero time for any other kind.
func (v Value) Time() time.Time {
	if v.kind != Time {
		return time.Time{}
	}
	return *(*time.Time)(v.ref)
}

// Duration returns a Duration's value; 0 for any other kind.
func (v Value) Duration() time.Duration {
	if v.kind != Duration {
		return 0
	}
	return time.Duration(v.num)
}

// List returns a List's items; nil for any other kind. They must not be changed.
func (v Value) List() []Value {
	if v.kind != List {
		return nil
	}
	return *(*[]Value)(v.ref)
}

// Object returns an Object's members; nil for any other kind. They must not be
// changed.
func (v Value) Object() []Member {
	if v.kind != Object {
		return nil
	}
	return *(*[]Member)(v.ref)
}

// Member returns the last member called name; nil where there is none or v is
// no Object.
func (v Value) Member(name string) Value {
	members := v.Object()
	for i := len(members) - 1; i >= 0; i-- {
		if members[i].Name == name {
			return members[i].Value
		}
	}
	return Value{}
}
