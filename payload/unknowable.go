package payload

// Unknowable is a nil that tells that its source cannot say what the value is:
// a field of a dead letter that the framework's headers do not carry. It is nil
// in every other respect.
func Unknowable() Value { return Value{num: 1} }

// IsUnknowable reports whether v is Unknowable.
func (v Value) IsUnknowable() bool { return v.kind == Nil && v.num == 1 }
