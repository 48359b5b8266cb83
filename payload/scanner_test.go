package payload

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// TestAScannerSaysWhatItsPathsSay: what it remembers of bodies before changes
// nothing, whatever they were.
func TestAScannerSaysWhatItsPathsSay(t *testing.T) {
	member := rapid.SampledFrom([]string{
		`"a":1`, `"a":"x"`, `"b":{"c":2,"a":3}`, `"c":null`, `"a" :4`, `"a": 5`, `"\u0061":6`, `"aa":7`, `"d":[1,2]`, `"":8`, `"a"1`, `"é":9`, `a:1`, `"b":`,
	})
	paths := NewPaths([][]Elem{{{Name: "a"}}, {{Name: "b"}, {Name: "c"}}, {{Name: "d"}, {Index: 1, IsIndex: true}}, {{Name: "é"}}})
	rapid.Check(t, func(t *rapid.T) {
		s := NewScanner(paths)
		for range rapid.IntRange(1, 5).Draw(t, "bodies") {
			body := "{" + strings.Join(rapid.SliceOfN(member, 0, 5).Draw(t, "members"), ",") + "}"
			body = rapid.SampledFrom([]string{body, body, body, `[1]`, `"a"`, body[:len(body)/2], `{"a":1,` + strings.Repeat(`"x":1,`, 300) + `"c":1}`}).Draw(t, "body")
			want, got := make([]Value, 4), make([]Value, 4)
			wantEnd, wantFault := paths.Scan([]byte(body), 0, jsonscan.MaxDepth, want)
			end, fault := s.Scan([]byte(body), 0, jsonscan.MaxDepth, got)
			if end != wantEnd || fault != wantFault {
				t.Fatalf("%s ends at %d, fault %v; want %d, %v", body, end, fault, wantEnd, wantFault)
			}
			for i := range want {
				if fault == jsonscan.OK && string(AppendJSON(nil, got[i])) != string(AppendJSON(nil, want[i])) {
					t.Fatalf("%s: path %d is %s, want %s", body, i, AppendJSON(nil, got[i]), AppendJSON(nil, want[i]))
				}
			}
		}
	})
}
