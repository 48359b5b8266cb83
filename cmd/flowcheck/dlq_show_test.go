package main

import "testing"

// TestPrintable: what a message says neither moves the cursor nor turns the text.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\nb\tc":         "a b c",
		"\x1b[2Jgone":     `\u001b[2Jgone`,
		"\u202eabc\u0085": `\u202eabc\u0085`,
		"\xff":            "\ufffd",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
