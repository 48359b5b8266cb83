//go:build unix

package source

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHostile: no file of legal size takes long, however it is made. What counts
// is the time on the processor, of which each takes well under a second: other
// programs and the race detector do not make it fail.
func TestHostile(t *testing.T) {
	const head, size, most = "flowcheck: 1\nflow: x\n", MaxBytes / 2, 10 * time.Second
	fill := func(before, s, after string) string {
		n := (size - len(head) - len(before) - len(after)) / len(s)
		if strings.Contains(s, ",") {
			n = min(n, maxNodes/2)
		}
		return head + before + strings.Repeat(s, n) + after
	}
	count := func(before, format string) string {
		var b strings.Builder
		b.WriteString(head + before)
		for i := 0; b.Len() < size && i < maxNodes/10; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"many values in a line":     fill("x-a: [", "1, ", "]"),
		"many texts in a line":      fill("about: [", "ä, ", "] #x"),
		"many anchors in a line":    fill("x-a: [", "&a ä, ", "]"),
		"many unknown keys":         count("", "key%d: 1\n"),
		"unknown keys in a line":    count("brokers: { a: {", "key%d: 1, ") + "} }",
		"many brackets":             fill("x-a: ", "[", ""),
		"many maps":                 fill("x-a: ", "{a: ", ""),
		"many keys without a value": fill("", "? ", ""),
		"many dashes":               fill("x-a:\n", "- ", ""),
		"many quotes":               fill("about: ", "'", ""),
		"many colons":               fill("", "a: ", ""),
		"many broken entries":       count("steps:\n", "  s%d: a: b\n"),
		"many broken sections":      count("", "s%d: a: b\n"),
		"many steps":                count("steps:\n", "  s%[1]d: { channel: c%[1]d, after: s%[1]d, x: 1 }\n"),
		"a long chain of steps":     count("steps:\n", "  s%[1]d: { channel: c, after: s1%[1]d }\n"),
		"many unknown references":   count("rules:\n", "  - never: { channel: somewhere%d, when: x }\n"),
		"many comments":             count("x-a:\n", "  - a%d #x\n"),
		"many comments on texts":    count("mask:\n", "  - body.a%d #x\n"),
		"a long plain text":         fill("about: ", "word ", "#x"),
		"a long text on many lines": fill("about: a\n", " b\n", " #x"),
		"many empty lines":          fill("about: a", "\n", " b #x"),
		"many scenarios":            count("scenarios:\n", "  - name: s\n    send: { to: c%d, body: {} }\n"),
		"a long name":               fill("steps: { ", "a", ": { channel: x } }"),
		"many aliases":              fill("x-a: &a [ 1, 2, 3 ]\nx-b: [", "*a, ", "]"),
		"many probes":               count("scenarios:\n  - name: x\n    probes: {", "p%d: 1, ") + "}",
		"many durations":            count("", "skew: 1\n"),
		"a long duration":           fill("settle: ", "1s", ""),
		"a long count":              fill("steps: { a: { count: ", "9", " } }"),
		"secrets in a line":         fill("brokers: { a: {", "password: x, ", "} }"),
	} {
		t.Run(name, func(t *testing.T) {
			begin := processorTime(t)
			_, errs := Load("x.yaml", []byte(text), nil)
			if err := errs.Format(io.Discard); err != nil {
				t.Fatal(err)
			}
			took := processorTime(t) - begin
			t.Logf("%d KiB, %d errors, %v", len(text)>>10, len(errs), took)
			if len(errs) > 0 {
				t.Log(errs[0].Error()[:min(200, len(errs[0].Error()))])
			}
			if len(text) > MaxBytes || took > most {
				t.Errorf("%d bytes took %v", len(text), took)
			}
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
