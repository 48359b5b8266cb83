package fake

import (
	"bytes"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

// arguments are those that functions with parameters need.
var arguments = map[string][]payload.Value{
	"int": {payload.OfInt(-3), payload.OfInt(3)}, "price": {payload.OfFloat(1.5), payload.OfInt(2)}, "digits": {payload.OfInt(12)},
	"oneOf": {payload.OfList([]payload.Value{payload.OfString("a"), payload.OfString("b")})},
	"date":  {payload.OfString("2026-02-27"), payload.OfString("2026-03-01")},
}

func call(t *testing.T, fn *Function, random rand.Source) string {
	t.Helper()
	v, err := fn.Call(random, arguments[fn.Name])
	if err != nil {
		t.Fatalf("%s: %v", fn.Name, err)
	}
	return payload.Plain(v)
}

func TestTheSameSeedGivesTheSameData(t *testing.T) {
	for _, fn := range Functions() {
		if len(arguments[fn.Name]) != fn.Params {
			t.Errorf("%s takes %d arguments", fn.Name, fn.Params)
			continue
		}
		one, two, other := rand.NewPCG(7, 1), rand.NewPCG(7, 1), rand.NewPCG(8, 1)
		differs := false
		for range 20 {
			a := call(t, &fn, one)
			if b := call(t, &fn, two); a != b {
				t.Errorf("%s gave %q and %q", fn.Name, a, b)
			}
			if a == "" {
				t.Errorf("%s gave nothing", fn.Name)
			}
			differs = differs || a != call(t, &fn, other)
		}
		if !differs {
			t.Errorf("%s gives the same for another seed", fn.Name)
		}
	}
}

func TestNumbersAreBetweenTheirBounds(t *testing.T) {
	random, seen := rand.NewPCG(1, 2), map[string]bool{}
	byName := map[string]Function{}
	for _, fn := range Functions() {
		byName[fn.Name] = fn
	}
	for range 500 {
		for _, name := range []string{"int", "price", "date"} {
			fn := byName[name]
			seen[name+" "+call(t, &fn, random)] = true
		}
	}
	for _, want := range []string{"int -3", "int 0", "int 3", "price 1.50", "price 2.00", "date 2026-02-27", "date 2026-03-01"} {
		if !seen[want] {
			t.Errorf("%s never came", want)
		}
	}
	if len(seen) != 7+51+3 {
		t.Errorf("%d values, not 61", len(seen))
	}
}

// The checksum of ISO 7064, computed another way than it was made.
func TestAnIBANIsValid(t *testing.T) {
	random := rand.NewPCG(3, 4)
	for _, fn := range Functions() {
		if fn.Name != "iban" {
			continue
		}
		for range 100 {
			n := call(t, &fn, random)
			rest := 0
			for _, c := range n[4:] + n[:4] {
				for _, d := range digitsOf(c) {
					rest = (rest*10 + d) % 97
				}
			}
			if rest != 1 || len(n) != 22 || !strings.HasPrefix(n, "DE") {
				t.Errorf("%s leaves %d", n, rest)
			}
		}
	}
}

func digitsOf(c rune) []int {
	if c >= 'A' {
		n := int(c-'A') + 10
		return []int{n / 10, n % 10}
	}
	return []int{int(c - '0')}
}

func TestWrongArgumentsAreErrors(t *testing.T) {
	i, s, list := payload.OfInt, payload.OfString, payload.OfList(nil)
	wrong := map[string][][]payload.Value{
		"int":    {{i(2), i(1)}, {s("a"), i(1)}, {i(-1 << 62), i(1 << 62)}},
		"price":  {{i(2), i(1)}, {i(-1), i(1)}, {s("a"), i(1)}, {payload.OfFloat(1.001), payload.OfFloat(1.002)}},
		"digits": {{i(0)}, {i(1001)}, {s("3")}},
		"oneOf":  {{list}, {i(1)}},
		"date":   {{s("2026-01-02"), s("2026-01-01")}, {s("soon"), s("2026-01-01")}, {i(1), i(2)}},
	}
	for _, fn := range Functions() {
		for _, args := range wrong[fn.Name] {
			if v, err := fn.Call(rand.NewPCG(1, 1), args); err == nil {
				t.Errorf("%s%v gave %s", fn.Name, args, payload.Plain(v))
			}
		}
		if _, err := fn.Call(nil, arguments[fn.Name]); err == nil {
			t.Errorf("%s without a source gave something", fn.Name)
		}
	}
}

func TestEachFunctionStandsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/flow-file.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range Functions() {
		row := regexp.MustCompile(`(?m)^\| .fake\.` + fn.Name + `\(.*\). \| ` + regexp.QuoteMeta(fn.About) + ` \|$`)
		if !row.Match(page) {
			t.Errorf("docs/flow-file.md has no row for fake.%s: %s", fn.Name, fn.About)
		}
	}
	if n := bytes.Count(page, []byte("| `fake.")); n != len(Functions()) {
		t.Errorf("docs/flow-file.md has %d rows for %d functions", n, len(Functions()))
	}
}
