package source

// ID is one entry of correlate:.
type ID struct {
	Name Text
	Expr Text
	Ties bool // true unless the file says ties: false
}

// Step is one entry of steps:.
type Step struct {
	Name       Text
	Channel    Text
	When       Text   // expression
	After      []Text // steps
	Within     Duration
	Count      Count
	Optional   bool
	Repeatable bool
	Check      []Text // expressions
}

// Count is how often a step may occur. Where it is set and Expr is not, Min and
// Max are the bounds.
type Count struct {
	Text Text
	Min  int
	Max  int  // -1: no bound
	Expr Text // expression on earlier steps
}

// IsSet reports whether the step has a count.
func (c Count) IsSet() bool { return c.Text.IsSet() }

// Outcome is one entry of outcomes:.
type Outcome struct {
	Name  Text
	Steps []Text
	Check []Text // expressions
}
