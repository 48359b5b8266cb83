package brokertest

import "testing"

// testCase is one thing that an adapter must do.
type testCase struct {
	name string
	run  func(*rig)
}

// rig is what a case works with.
type rig struct {
	testing.TB
	s Subject
}

// on runs the case on t.
func (c testCase) on(t testing.TB, s Subject) {
	c.run(&rig{TB: t, s: s})
}

// cases are all cases, in the order in which they run. Their names are what
// Subject.Unserved speaks of.
var cases = []testCase{}
