package expression

import (
	"testing"

	"github.com/expr-lang/expr"

	"github.com/flowcheck/flowcheck/payload"
)

var benchmarks = map[string]string{
	"when":      "body.status == 'AUTHORISED'",
	"check":     "body.amount == placed.body.total and headers['type'] == 'paid'",
	"less":      "body.amount < 0 or body.refund < 0",
	"within":    "time - placed.time < duration('2s')",
	"regexp":    "body.status matches '^AUTH'",
	"in":        "body.status in ['AUTHORISED', 'DECLINED']",
	"lines":     "all(placed.body.lines, .qty >= 0 and .sku != '')",
	"counted":   "all(shipped, .body.n >= 0 and .body.n < 10)",
	"aggregate": "sum(placed.body.lines, .qty) == len(filter(placed.body.lines, .qty > 0)) + 1",
	"number":    "body.big > 18446744073709551614.0",
}

func BenchmarkEval(b *testing.B) {
	for name, src := range benchmarks {
		b.Run(name, func(b *testing.B) {
			w := shop()
			w.steps[0][Body].(object_)["total"] = 12
			e, err := Parse(src, &w.scope)
			if err != nil {
				b.Fatal(err)
			}
			p, f := w.prepare(e)
			b.ReportAllocs()
			for b.Loop() {
				p.Test(f)
			}
		})
	}
}

// BenchmarkExprLang is the same check on expr-lang's machine with maps.
func BenchmarkExprLang(b *testing.B) {
	env := object_{
		"body": object_{"amount": 12, "status": "AUTHORISED"}, "headers": object_{"type": "paid"},
		"placed": object_{"body": object_{"total": 12}},
	}
	program, err := expr.Compile(benchmarks["check"], expr.Env(env), expr.AsBool())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Run(program, env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	scope := &shop().scope
	b.ReportAllocs()
	for b.Loop() {
		e, err := Parse(benchmarks["check"], scope)
		if err != nil {
			b.Fatal(err)
		}
		e.Compile(func(Ref, Field) int { return 0 })
	}
}

func BenchmarkExplain(b *testing.B) {
	w := shop()
	e, err := Parse(benchmarks["check"], &w.scope)
	if err != nil {
		b.Fatal(err)
	}
	p, f := w.prepare(e)
	b.ReportAllocs()
	for b.Loop() {
		if len(p.Explain(f)) != 1 {
			b.Fatal("nothing to explain")
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	w := shop()
	e, err := ParseTemplate("order-${id}/${body.amount}", &w.scope)
	if err != nil {
		b.Fatal(err)
	}
	p, f := w.prepare(e)
	b.ReportAllocs()
	for b.Loop() {
		if p.Eval(f).Kind() != payload.String {
			b.Fatal(f.Err)
		}
	}
}

// The check that flows are made of costs no memory.
func TestCheckDoesNotAllocate(t *testing.T) {
	w := shop()
	for _, name := range []string{"when", "check", "less", "in", "regexp", "lines", "counted"} {
		e, err := Parse(benchmarks[name], &w.scope)
		if err != nil {
			t.Fatal(err)
		}
		p, f := w.prepare(e)
		p.Test(f)
		if n := testing.AllocsPerRun(100, func() { p.Test(f) }); n != 0 {
			t.Errorf("%s: %v allocations", benchmarks[name], n)
		}
	}
}
