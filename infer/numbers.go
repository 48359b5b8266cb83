package infer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Deadline is a round duration of at least twice the longest that was seen, as a
// flow file spells it.
func Deadline(longest time.Duration) string {
	for _, d := range []time.Duration{
		50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if d >= 2*longest {
			return spell(d)
		}
	}
	return fmt.Sprintf("%dd", 1+int(2*longest/(24*time.Hour)))
}

func spell(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
}

// Quote writes an expression so that YAML reads it as text, in a list or map in
// brackets too.
func Quote(expr string) string {
	if !strings.ContainsAny(expr, "#,[]{}:&*!|>'\"%@`?") && expr != "" && expr == strings.TrimSpace(expr) {
		return expr
	}
	return "'" + strings.ReplaceAll(expr, "'", "''") + "'"
}

// Sequence finds the whole number in the bodies that rises by one with each
// message of a key: the path, "" where there is none. It needs three keys, or
// one with three messages, and no key that says otherwise.
func Sequence(keys map[string][]*message.Observation) string {
	steps := map[string]int{}
	refuted := map[string]bool{}
	for _, all := range keys {
		for i := 1; i < len(all); i++ {
			was, now := numbers(all[i-1].Payload), numbers(all[i].Payload)
			for path, n := range now {
				if m, ok := was[path]; ok && n == m+1 {
					steps[path]++
				} else {
					refuted[path] = true
				}
			}
		}
	}
	var found []string
	for path, n := range steps {
		if n >= 2 && !refuted[path] {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return found[0]
}

// numbers are the whole numbers of a body's first two levels.
func numbers(body []byte) map[string]int64 {
	v, err := payload.Decode(body)
	if err != nil {
		return nil
	}
	found := map[string]int64{}
	var walk func(path string, v payload.Value, depth int)
	walk = func(path string, v payload.Value, depth int) {
		for _, m := range v.Distinct() {
			switch {
			case m.Value.Kind() == payload.Int && identifier(m.Name):
				found[path+"."+m.Name] = m.Value.Int()
			case m.Value.Kind() == payload.Object && depth > 0 && identifier(m.Name):
				walk(path+"."+m.Name, m.Value, depth-1)
			}
		}
	}
	walk("body", v, 1)
	return found
}

func identifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
