package expression

import (
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/payload"
)

// Whatever an expression does with a large body, it is given up in the end, and
// soon.
func TestBudget(t *testing.T) {
	many := make(list_, 20_000)
	for i := range many {
		many[i] = i
	}
	wide := make(object_, 20_000)
	for i := range 20_000 {
		wide[strings.Repeat("k", i%7)+string(rune('a'+i%26))+payload.Plain(payload.OfInt(int64(i)))] = i
	}
	w := &world{scope: Scope{Own: true, Steps: []Step{{Name: "s", Counted: true}}}, self: parts_{
		Body: object_{"many": many, "wide": wide, "long": strings.Repeat("ab", 1<<19), "n": 1 << 40},
	}}
	w.lists = [][]parts_{make([]parts_, 10_000)}
	for i := range w.lists[0] {
		w.lists[0][i] = parts_{Body: object_{"long": w.self[Body].(object_)["long"]}}
	}
	// A fifth of the default, for the sake of the test's own time.
	w.used = Budget{Steps: DefaultSteps / 5, Bytes: DefaultBytes / 5}
	for _, src := range []string{
		"all(body.many, none(body.many, # < 0))",
		"count(body.many, # in body.many)",
		"map(body.many, map(body.many, #))",
		"map(body.many, keys(body.wide))",
		"map(body.many, body.wide[string(#)])",
		"count(body.many, body.wide == body.wide)",
		"count(body.many, body.long == body.long)",
		"count(body.many, body.long contains 'x')",
		"count(body.many, body.long matches 'x$')",
		"count(body.many, body.long matches string(#))",
		"count(body.many, 'x' in body.wide)",
		"count(body.many, indexOf(body.long, 'x') > 0)",
		"count(body.many, len(body.long) > 0)",
		"count(body.many, trim(body.long, 'ab') == '')",
		"count(body.many, toBase64(body.long) == '')",
		"count(body.many, fromJSON(body.long) == 1)",
		"map(body.many, sort(body.many))",
		"map(body.many, sortBy(body.many, -#))",
		"map(body.many, uniq(body.many))",
		"map(body.many, flatten([body.many]))",
		"map(body.many, max(body.many))",
		"map(body.many, median(body.many))",
		"map(body.many, sum(body.many))",
		"map(body.many, groupBy(body.many, #))",
		"map(body.many, string(body.wide))",
		"repeat(body.long, 1000)",
		"repeat(body.long, body.n)",
		"replace(body.long, 'a', body.long)",
		"map(body.many, body.long + body.long)",
		"join(map(body.many, body.long), ',')",
		"split(body.long, '')",
		"upper(repeat(body.long, 7))",
		"1..body.n",
		"body.n..body.n + 1000000",
		"map(1..100000, 1..#)",
		"let a = map(1..1000, body.long); let b = map(a, a); toJSON(map(b, b))",
		"let a = [body.many, body.many]; let b = [a, a]; let c = [b, b]; let d = [c, c]; let e = [d, d]; let f = [e, e]; let g = [f, f]; toJSON([g, g])",
		"let a = [body.many, body.many]; let b = [a, a]; let c = [b, b]; let d = [c, c]; let e = [d, d]; let f = [e, e]; let g = [f, f]; len(flatten([g, g]))",
		"let a = [body.many, body.many]; let b = [a, a]; let c = [b, b]; let d = [c, c]; let e = [d, d]; let f = [e, e]; let g = [f, f]; len(uniq([g, g]))",
		"let a = [body.many, body.many]; let b = [a, a]; let c = [b, b]; let d = [c, c]; let e = [d, d]; let f = [e, e]; let g = [f, f]; [g, g, g, g, g] == [g, g, g, g, [g]]",
		"count(s, .body.long == s[0].body.long and .body.long contains 'x')",
		"map(s, s)",
	} {
		e, err := Parse(src, &w.scope)
		if err != nil {
			t.Fatal(err)
		}
		p, f := w.prepare(e)
		start := time.Now()
		v := p.Eval(f)
		if !f.Exceeded || !v.IsNil() {
			t.Errorf("%s: exceeded %t, value %s", src, f.Exceeded, payload.Short(v, 40))
		}
		if took := time.Since(start); took > time.Minute { // it is a hundredth of that, without -race
			t.Errorf("%s took %s", src, took)
		} else if testing.Verbose() {
			t.Logf("%6s %.60s", took.Round(time.Millisecond), src)
		}
	}
}

// What a check of a large body needs is within the budget.
func TestBudgetIsEnough(t *testing.T) {
	many := make(list_, 100_000)
	for i := range many {
		many[i] = object_{"qty": i + 1, "sku": "A"}
	}
	w := &world{scope: Scope{Own: true}, self: parts_{
		Body: object_{"many": many}, Text: strings.Repeat("0123456789", 1<<18),
	}}
	w.cases(t,
		"all(body.many, .qty > 0 and .sku == 'A')", "true",
		"sum(map(body.many, .qty)) > 0", "true",
		"len(uniq(map(body.many, .sku)))", "1",
		"body.many == body.many", "true",
		"text contains 'x'", "false",
		"text matches 'x.*y|[a-f]+$'", "false",
		"len(text) == 2621440", "true",
	)
}

func TestBudgetOfFrame(t *testing.T) {
	w := shop()
	w.used = Budget{Steps: 10, Bytes: 1000}
	for src, exceeded := range map[string]bool{
		"count(1..3, # > 1)": false, "count(1..12, # > 1)": true, "repeat('ab', body.amount)": false, "repeat('ab', body.amount * 100)": true,
	} {
		if _, f := w.eval(t, src); f.Exceeded != exceeded {
			t.Errorf("%s: exceeded %t", src, f.Exceeded)
		}
	}
	w.used = Budget{}
	if _, f := w.eval(t, "1 == 1"); f.Exceeded {
		t.Error("Exceeded outlives an evaluation")
	}
}

// A value that is given up is nil as a whole, however it is used.
func TestExceededIsNil(t *testing.T) {
	w := shop()
	w.used = Budget{Steps: 5, Bytes: 1000}
	for _, src := range []string{
		"(all(1..9, # > 0)) ?? true", "not all(1..9, # > 0)", "any(1..9, # > 10) or true", "all(1..9, # > 0) == nil",
	} {
		if v, f := w.eval(t, src); !v.IsNil() || !f.Exceeded {
			t.Errorf("%s = %s", src, payload.Plain(v))
		}
	}
}

// Constants that cost much are not made while a source is read.
func TestParseIsCheap(t *testing.T) {
	src := "len(repeat('a', 1000000))" + strings.Repeat(" + len(sort(1..60000))", 300)
	start := time.Now()
	e, err := Parse(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("reading took %s", took)
	}
	if _, ok := e.Constant(); ok {
		t.Error("it is a constant")
	}
}
