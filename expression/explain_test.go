package expression

import (
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

// told renders an explanation in one line.
func told(parts []Part) string {
	var texts []string
	for _, p := range parts {
		text := p.Text
		if p.At != "" {
			text += " @ " + p.At
		}
		for _, o := range p.Operands {
			switch {
			case o.Secret:
				text += " | " + o.Text + " hidden"
			case !o.Constant:
				text += " | " + o.Text + " = " + payload.Short(o.Value, 60)
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

func TestExplain(t *testing.T) {
	w := shop()
	for _, c := range []struct{ src, want string }{
		{"body.amount == placed.body.total", "body.amount == placed.body.total | body.amount = 12 | placed.body.total = 13"},
		{"body.amount == 12", ""},
		{"body.amount == 12 and headers['type'] == \"x\" and body.none", `headers['type'] == "x" | headers['type'] = "paid"; body.none | body.none = null`},
		{"body.amount > 12 or body.refund < 0", "body.amount > 12 | body.amount = 12; body.refund < 0 | body.refund = null"},
		{"(body.amount > 12 and body.ratio > 1) or false", "body.amount > 12 | body.amount = 12; body.ratio > 1 | body.ratio = 0.5; false"},
		{"not (body.amount == 12)", "not (body.amount == 12) | body.amount = 12"},
		{"!body.paid", "!body.paid | body.paid = true"},
		{"not (body.paid and body.amount < 20)", "not (body.paid) | body.paid = true; not (body.amount < 20) | body.amount = 12"},
		{"not (body.none or body.paid)", "not (body.paid) | body.paid = true"},
		{"not not (body.amount > 20)", "not (body.amount > 20) | body.amount = 12"},
		{"(body.amount + 1) * 2 == len( body.tags )", "(body.amount + 1) * 2 == len( body.tags ) | (body.amount + 1) * 2 = 26 | len( body.tags ) = 2"},
		{"time - placed.time < duration('1s')", "time - placed.time < duration('1s') | time - placed.time = 1.5s"},
		{"1 < body.amount < 5", "body.amount < 5 | body.amount = 12"},
		{"body.status in ['a', 'b']", `body.status in ['a', 'b'] | body.status = "AUTHORISED"`},
		{"body.status | lower() | hasPrefix('x')", "body.status | lower() | hasPrefix('x') | body.status | lower() | hasPrefix('x') = false"},
		{"shipped[-1].body.carrier == 'POST'", "shipped[-1].body.carrier == 'POST' | shipped[-1].body.carrier = null"},
		{"all(shipped, .body.carrier == 'POST' and .body.n == 0)", ".body.carrier == 'POST' @ shipped[1] | .body.carrier = null; .body.n == 0 @ shipped[1] | .body.n = 1"},
		{"none(placed.body.lines, {.qty == 0})", "not (.qty == 0) @ placed.body.lines[1] | .qty = 0"},
		{"any(shipped, .body.n > 5)", "any(shipped, .body.n > 5) | any(shipped, .body.n > 5) = false"},
		{"not all(shipped, true)", "not all(shipped, true) | all(shipped, true) = true"},
		{"all(body.missing, # > 1)", "all(body.missing, # > 1) | all(body.missing, # > 1) = null"},
		{"all([[1], [2]], all(#, # < 2))", "all(#, # < 2) @ [[1], [2]][1] | all(#, # < 2) = false"},
		{"let x = body.amount; let y = x * 2; y == 25", "y == 25 | y = 24"},
		{"body.paid ? body.amount == 1 : body.amount == 2", "body.amount == 1 | body.amount = 12"},
		{"body.none ? body.amount == 1 : body.amount == 2", "body.amount == 2 | body.amount = 12"},
		{"placed == nil", "placed == nil"},
		{"body.status == env.HOME", `body.status == env.HOME | body.status = "AUTHORISED" | env.HOME hidden`},
		{"body\n  .amount\n == 1", "body .amount == 1 | body .amount = 12"},
		{"false", "false"},
	} {
		e, err := Parse(c.src, &w.scope)
		if err != nil {
			t.Fatalf("%s: %v", c.src, err)
		}
		p, f := w.prepare(e)
		if got := told(p.Explain(f)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestExplainIsBounded(t *testing.T) {
	w := shop()
	e, err := Parse("body.amount == '"+strings.Repeat("é", 200)+"'"+strings.Repeat(" and body.amount == 1", 50), &w.scope)
	if err != nil {
		t.Fatal(err)
	}
	p, f := w.prepare(e)
	parts := p.Explain(f)
	if len(parts) != maxParts {
		t.Errorf("%d parts, want %d", len(parts), maxParts)
	}
	if text := parts[0].Text; len(text) > maxText+3 || !strings.HasSuffix(text, "é…") {
		t.Errorf("%d bytes of text: %s", len(text), text)
	}
}

func TestExplainKeepsTheFrame(t *testing.T) {
	w := shop()
	e, err := Parse("death.at == time", &w.scope)
	if err != nil {
		t.Fatal(err)
	}
	p, f := w.prepare(e)
	p.Eval(f)
	f.Exceeded = true
	if p.Explain(f); f.Unknowable != "death.at" || !f.Exceeded || f.Err != nil {
		t.Errorf("Explain left %q, %t, %v", f.Unknowable, f.Exceeded, f.Err)
	}
}
