package brokertest

import "testing"

// CaseNames are the names of all cases.
func CaseNames() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// RunCase runs one case on any testing.TB.
func RunCase(t testing.TB, name string, s Subject) {
	t.Helper()
	for _, c := range cases {
		if c.name == name {
			c.on(t, s)
			return
		}
	}
	t.Fatalf("there is no case %q", name)
}

// WhyUnserved says why a case is skipped.
func (s *Subject) WhyUnserved(name string) string { return s.unserved(name) }

// Check is the check of the subject itself.
func (s *Subject) Check() error { return s.check() }
