package expression

import (
	"errors"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

// FuzzExpression: whatever the source, Parse and Eval return; what Parse takes,
// Explain explains, and the value is the same the second time.
func FuzzExpression(f *testing.F) {
	for _, src := range []string{
		"body.amount == placed.body.total and headers['type'] == 'paid'",
		"let x = filter(shipped, .body.n > 1); x[0].time - placed.time < duration('2s')",
		"map(1..10, {# % 2 == 0 ? #index : -#}) | sum() ?? 1",
		"body.status matches '^A.*' and death.error.class != nil or not (chain.ids.order in vars)",
		"groupBy(body.lines, .sku)[id] | toJSON() | fromJSON() | values() | first()",
		"if body?.a?.[0] { headerInt('n') } else { all(shipped, any(placed.body.lines, .qty > 0)) }",
		"sortBy(shipped, .body.n, 'desc')[-1:] | map(#) | len()",
		"date('2026-01-02').Add(1); time.Format('15:04') + b'\\x00' + `raw`",
		"1 in [1.0, 0x1F, 1e9, 1_000] ? {a: [nil, true]}.a[0:-1] : get({}, 'x')",
		"shipped[0] == nil or find(shipped, # != nil).body.n ** 2 > .5",
	} {
		f.Add(src)
	}
	w := shop()
	w.used = Budget{Steps: 20_000, Bytes: 1 << 16}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := Parse(src, &w.scope)
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 || len(all) > maxErrors {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		p, frame := w.prepare(e)
		first := p.Eval(frame)
		exceeded := frame.Exceeded
		for _, part := range p.Explain(frame) {
			for _, o := range part.Operands {
				payload.Short(o.Value, 80)
			}
		}
		second := p.Eval(frame)
		if equal, left := payload.EqualWithin(first, second, 1<<20); !equal && left >= 0 || frame.Exceeded != exceeded {
			t.Fatalf("%q is %s, then %s", src, payload.Short(first, 200), payload.Short(second, 200))
		}
	})
}

// FuzzTemplate: whatever the text, ParseTemplate and Eval return.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"${body.amount}", "a ${ {a: '}'}.a } $${x} ${id}", "${`${`}", "$${$${", "${/* } */ 1}", "${'", "é${§", "$$$${1}",
	} {
		f.Add(text)
	}
	w := shop()
	w.used = Budget{Steps: 20_000, Bytes: 1 << 16}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseTemplate(text, &w.scope)
		if err != nil {
			return
		}
		p, frame := w.prepare(e)
		payload.Short(p.Eval(frame), 80)
	})
}
