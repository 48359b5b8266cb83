package payload

// AppendJSON appends v as compact JSON. Times are RFC 3339, durations as Go
// writes them, both as strings.
func AppendJSON(b []byte, v Value) []byte { return b }

// Plain returns v as text: a string as it is, anything else as JSON, without
// quotes around times and durations.
func Plain(v Value) string { return "" }

// Short returns v as JSON for a report, of at most limit bytes or a little more.
func Short(v Value, limit int) string { return "" }
