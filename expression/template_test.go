package expression

import (
	"errors"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

func TestTemplate(t *testing.T) {
	w := shop()
	for _, c := range []struct{ text, want, kind string }{
		{"", `""`, "string"},
		{"plain", `"plain"`, "string"},
		{"${body.amount}", "12", "int"},
		{"${ body.tags }", `["x","y"]`, "array"},
		{"${body.missing}", "null", "nil"},
		{"n=${body.amount}", `"n=12"`, "string"},
		{"${body.amount}${body.ratio}", `"120.5"`, "string"},
		{"${body.amount} ", `"12 "`, "string"},
		{"$${body.amount}", `"${body.amount}"`, "string"},
		{"a$${b} ${id}", `"a${b} run-7"`, "string"},
		{"$$${id}", `"$${id}"`, "string"},
		{"cost $5 ${id}", `"cost $5 run-7"`, "string"},
		{"${'}'}${\"}\"}${`}`}", `"}}}"`, "string"},
		{"${{a: {b: 1}}.a.b}", "1", "int"},
		{"${map([1], {# + 1})} done", `"[2] done"`, "string"},
		{"${1 /* } */}", "1", "int"},
		{"${time} ${seen - time}", `"2026-11-22T10:00:01.5Z 500ms"`, "string"},
		{"${body.paid}/${body.big}/${body.deep}", `"true/18446744073709551615/{\"a\":[{\"b\":1}]}"`, "string"},
		{"é${'ü'}ö", `"éüö"`, "string"},
		{`kafka://${env.NOTHING ?? "localhost:9092"}`, `"kafka://localhost:9092"`, "string"},
	} {
		e, err := ParseTemplate(c.text, &w.scope)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		p, f := w.prepare(e)
		v := p.Eval(f)
		if got := string(payload.AppendJSON(nil, v)); got != c.want || typeName(v) != c.kind || f.Err != nil {
			t.Errorf("%s = %s of type %s (%v), want %s of type %s", c.text, got, typeName(v), f.Err, c.want, c.kind)
		}
	}
}

func TestTemplateNil(t *testing.T) {
	w := shop()
	for text, want := range map[string]string{
		"a ${body.missing}":           "${body.missing} is nil within a text; give it a default: ${body.missing ?? …}",
		"${id} ${ body.none } ${nil}": "${body.none} is nil within a text; give it a default: ${body.none ?? …}",
		"x${nil}":                     "${nil} is nil within a text; give it a default: ${nil ?? …}",
	} {
		e, err := ParseTemplate(text, &w.scope)
		if err != nil {
			t.Fatal(err)
		}
		p, f := w.prepare(e)
		if v := p.Eval(f); !v.IsNil() || f.Err == nil || f.Err.Error() != want {
			t.Errorf("%s = %s with error %v, want %s", text, payload.Plain(v), f.Err, want)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a ${bdy.x}\n${ plcaed } ${id}", "1:5: unknown name bdy; did you mean body?\n2:4: unknown name plcaed; did you mean placed?"},
		{"a ${", "1:3: ${ is not closed by }"},
		{"é ${body.a", "1:3: ${ is not closed by }"},
		{"${ {a: 1 }", "1:1: ${ is not closed by }"},
		{"${}", "1:3: an expression is missing here"},
		{"x ${ }", "1:5: an expression is missing here"},
		{"${'a}", "1:6: literal not terminated"},
		{"é${§}", "1:4: unrecognized character: U+00A7 '§'"},
		{"${1 +}", "1:5: unexpected end of the expression"},
		{"${a b}", `1:5: unexpected token Identifier("b")`},
	} {
		_, err := ParseTemplate(c.text, errorScope())
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestTemplateConstant(t *testing.T) {
	w := shop()
	for text, want := range map[string]string{
		"plain": `"plain"`, "${1 + 1}": "2", "a ${vars.limit} b": `"a 10 b"`, "${env.HOME}/x": "", "${id}": "",
	} {
		e, err := ParseTemplate(text, &w.scope)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := e.Constant()
		if got := string(payload.AppendJSON(nil, v)); ok != (want != "") || ok && got != want {
			t.Errorf("%s: constant %s, %t; want %s", text, got, ok, want)
		}
		if e.Secret() != (text == "${env.HOME}/x") {
			t.Errorf("%s: secret %t", text, e.Secret())
		}
	}
}

func TestFunctionsOfScope(t *testing.T) {
	calls := 0
	w := &world{scope: Scope{Functions: []Function{
		{Name: "now", Call: func([]payload.Value) (payload.Value, error) { calls++; return payload.OfInt(int64(calls)), nil }},
		{Name: "file", Params: 1, Secret: true, Call: func(args []payload.Value) (payload.Value, error) {
			if args[0].Text() != "ok" {
				return payload.Value{}, errors.New("no such file: " + args[0].Text())
			}
			return payload.OfString("content"), nil
		}},
	}}}
	w.cases(t, "now() + now() * 10", "21", "file('ok') + '!'", `"content!"`)
	if calls != 4 {
		t.Errorf("now was called %d times, want 4 (Eval and Test)", calls)
	}
	v, f := w.eval(t, "file('gone') ?? 'x'")
	if !v.IsNil() || f.Err == nil || f.Err.Error() != "file: no such file: gone" {
		t.Errorf("%s with error %v", payload.Plain(v), f.Err)
	}
	if v, f = w.eval(t, "now()"); f.Err != nil || v.IsNil() {
		t.Errorf("Err outlives an evaluation: %v", f.Err)
	}
}
