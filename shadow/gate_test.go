package shadow_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

func TestLook(t *testing.T) {
	const file = `{"time":"2026-11-22T09:00:00Z","event":"finding","flow":"f","id":"old","kind":"missing","chain":"o-0"}
{"time":"2026-11-22T10:00:00Z","event":"finding","flow":"f","id":"1","kind":"missing","chain":"o-1"}
{"time":"2026-11-22T10:00:01Z","event":"finding","flow":"f","id":"2","kind":"late","chain":"o-1"}
{"time":"2026-11-22T10:00:02Z","event":"finding","flow":"f","id":"3","kind":"missing","chain":"o-3"}
{"time":"2026-11-22T10:00:03Z","event":"withdrawn","flow":"f","id":"3","kind":"missing","chain":"o-3"}
{"time":"2026-11-22T10:00:04Z","event":"finding","flow":"f","id":"4","kind":"slow"}
{"time":"2026-11-22T10:00:05Z","event":"unknown","flow":"f","id":"5","chain":"o-4","reason":"a gap"}
{"time":"2026-11-22T10:00:06Z","event":"chains","flow":"f","chains":{"total":9,"pass":6,"fail":2,"unknown":1}}
{"time":"2026-11-22T10:00:06Z","event":"chains","flow":"other","chains":{"total":90,"pass":90}}
{"time":"2026-11-22T10:00:07Z","event":"find`
	w, err := shadow.Look(strings.NewReader(file), "f", time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	if err != nil || *w != (shadow.Window{Seen: true, Chains: shadow.Tally{Total: 9, Pass: 6, Fail: 2, Unknown: 1}, Failed: 2, Unknowns: 1}) {
		t.Fatalf("%v, %+v", err, w)
	}
	if w, err := shadow.Look(strings.NewReader(file), "nobody", time.Time{}); err != nil || w.Seen {
		t.Fatalf("%v, %+v", err, w)
	}
	if _, err := shadow.Look(strings.NewReader("hello\n"), "f", time.Time{}); err == nil {
		t.Fatal("any file will do")
	}
}

// TestLookAll reads what two workers have said of the same: the latest counts,
// whichever file has it, and nothing is counted twice.
func TestLookAll(t *testing.T) {
	t.Parallel()
	one := `{"time":"2026-01-01T00:00:01Z","event":"finding","flow":"f","id":"a","chain":"o-1"}
{"time":"2026-01-01T00:00:05Z","event":"finding","flow":"f","id":"b","chain":"o-2"}
{"time":"2026-01-01T00:00:06Z","event":"chains","flow":"f","id":"c","chains":{"total":3,"pass":1,"fail":2}}
`
	two := `{"time":"2026-01-01T00:00:03Z","event":"withdrawn","flow":"f","id":"a","chain":"o-1"}
{"time":"2026-01-01T00:00:05Z","event":"finding","flow":"f","id":"b","chain":"o-2"}
{"time":"2026-01-01T00:00:06Z","event":"chains","flow":"f","id":"c","chains":{"total":3,"pass":1,"fail":2}}
`
	for _, files := range [][]string{{one, two}, {two, one}} {
		w, err := shadow.LookAll([]io.Reader{strings.NewReader(files[0]), strings.NewReader(files[1])}, "f", time.Time{})
		if err != nil || w.Failed != 1 || w.Chains.Total != 3 {
			t.Errorf("%+v, %v: one chain of three has failed", w, err)
		}
	}
}
