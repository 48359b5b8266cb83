package payload

// Equal reports whether a and b are the same value. Numbers are compared
// exactly and by value, whatever their kind; times by the instant; lists item by
// item; objects member by member, in any order (of members with one name the
// last counts).
func Equal(a, b Value) bool { return false }

// Compare orders two numbers, strings, times or durations; ok is false for
// anything else.
func Compare(a, b Value) (order int, ok bool) { return 0, false }
