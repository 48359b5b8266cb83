package payload

// FromAny makes a Value of a Go value: nil, bool, any integer or float, string,
// []byte, json.Number, time.Time, time.Duration, []any, []string,
// map[string]any, map[string]string, or a Value. Members of maps are sorted by
// name. Anything else is nil.
func FromAny(x any) Value { return Value{} }

// ToAny makes a Go value of v: nil, bool, int64, float64, json.Number, string,
// time.Time, time.Duration, []any or map[string]any.
func ToAny(v Value) any { return nil }
