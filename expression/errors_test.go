package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

// errorScope is a scope with a function, and names that are known elsewhere.
func errorScope() *Scope {
	s := shop().scope
	s.Functions = []Function{{Name: "uuid", Call: func([]payload.Value) (payload.Value, error) { return payload.Value{}, nil }}}
	s.Unavailable = map[string]string{"reply": "only a scenario with call: has a reply", "now": "only scenarios have a clock"}
	return &s
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"plcaed.body.total", "1:1: unknown name plcaed; did you mean placed?"},
		{"body.a == bdy.b", "1:11: unknown name bdy; did you mean body?"},
		{"something", "1:1: unknown name something"},
		{"$env", "1:1: unknown name $env; did you mean env?"},
		{"reply.body", "1:1: reply cannot be used here: only a scenario with call: has a reply"},
		{"now()", "1:1: now() cannot be used here: only scenarios have a clock"},
		{"death.atempts", "1:7: death has no atempts; did you mean attempts?"},
		{"death.error.kind", "1:13: death.error has no kind; it has class, text"},
		{"death['origin'].topik", "1:17: death.origin has no topik; did you mean topic?"},
		{"chain.idz", "1:7: chain has no idz; did you mean ids?"},
		{"chain.ids.ordr", "1:11: chain.ids has no ordr; did you mean order?"},
		{"chain.ids['x']", "1:11: chain.ids has no x; it has order, payment"},
		{"vars.lmit", "1:6: vars has no lmit; did you mean limit?"},
		{"placed.bdy", "1:8: a message has no bdy; did you mean body?"},
		{"placed.headerInt", `1:8: headerInt is a function: headerInt("name")`},
		{"headerInt + 1", `1:1: headerInt is a function: headerInt("name")`},
		{"headerInt(key)", `1:1: headerInt takes the name of a header: headerInt("name")`},
		{"placed.headerUUID()", `1:8: headerUUID takes the name of a header: headerUUID("name")`},
		{"shipped.body.x", "1:9: shipped is a list of messages: write shipped[0].body, or all(shipped, .body …)"},
		{"count(shipped)", "1:1: count of messages needs a predicate; len is how many there are"},
		{"lenn(body)", "1:1: unknown function lenn; did you mean len?"},
		{"uid()", "1:1: unknown function uid; did you mean uuid?"},
		{"body(1)", "1:1: body is no function"},
		{"len()", "1:1: len takes 1 argument, not 0"},
		{"len(1, 2)", "1:1: len takes 1 argument, not 2"},
		{"replace('a')", "1:1: replace takes 3 or 4 arguments, not 1"},
		{"split('a')", "1:1: split takes 2 or 3 arguments, not 1"},
		{"max()", "1:1: max takes at least 1 argument"},
		{"uuid(1)", "1:1: uuid takes 0 arguments, not 1"},
		{"time.Hours().x", ""},
		{"time.Huor()", "1:6: there is no method Huor; did you mean Hour?"},
		{"time.Format()", "1:6: Format takes 1 argument, not 0"},
		{"reduce(1..3, #acc + #)", "1:1: reduce is not available; use sum, count, map or filter"},
		{"timezone('UTC')", "1:1: timezone is not available; use date(text, layout, zone)"},
		{"map(1..3, #acc)", "1:11: unknown name #acc; there are # and #index"},
		{"sortBy([1], #, 'up')", `1:16: the order of sortBy is "asc" or "desc"`},
		{"let body = 1; body", "1:5: body is a name already; give the variable another"},
		{"let len = 1; len", "1:5: len is a name already; give the variable another"},
		{"let x = 1; let x = 2; x", "1:16: x is a name already; give the variable another"},
		{"body.a matches '(' ", "1:16: error parsing regexp: missing closing ): `(`"},
		{"body.a matches env.HOME + '('", "1:25: this is no regular expression"},
		{"duration('2 s')", `1:1: duration: "2 s" is not a duration, such as 300ms, 5s, 1h30m or 3d`},
		{"duration(env.HOME)", "1:1: duration: this is not a duration, such as 300ms, 5s, 1h30m or 3d"},
		{"date('yesterday')", `1:1: date: "yesterday" is not a date`},
		{"int('x')", `1:1: int: "x" is not an integer`},
		{"", "1:1: an expression is missing here"},
		{" \n ", "1:1: an expression is missing here"},
		{"body.a = 1", "1:8: unexpected =; equality is =="},
		{"body.a ==", "1:9: unexpected end of the expression"},
		{"((body.a)", "1:9: unexpected end of the expression"},
		{"'abc", "1:5: literal not terminated"},
		{"1 § 2", "1:3: unrecognized character: U+00A7 '§'"},
		{"18446744073709551616 == 1", `1:22: invalid integer literal: strconv.ParseInt: parsing "18446744073709551616": value out of range`},
		{"body.a ?? 1 == 1", "1:13: operator (==) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses."},
		{"{1}", "1:3: unexpected token Bracket(\"}\")"},
		{"body.é == 1 and\n  bod == 2 or\n  xdeath", "2:3: unknown name bod; did you mean body?\n3:3: unknown name xdeath; did you mean death?"},
	} {
		_, err := Parse(c.src, errorScope())
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestErrorsWithoutMessage(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"body.a", "1:1: body cannot be used here: there is no message"},
		{"headerInt('a')", "1:1: unknown function headerInt"},
		{"chain", "1:1: unknown name chain"},
	} {
		if _, err := Parse(c.src, nil); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.src, err, c.want)
		}
	}
}

func TestErrorPosition(t *testing.T) {
	_, err := Parse("'é' == 'ü' and\n 'ö' == bdy", errorScope())
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 {
		t.Fatalf("%v is not one error of Errors", err)
	}
	if e := all[0]; e.Offset != 26 || e.Line != 2 || e.Column != 9 {
		t.Errorf("at %d, %d:%d; want 26, 2:9", e.Offset, e.Line, e.Column)
	}
}

func TestTemplateSizeLimits(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"literal": {strings.Repeat("x", 1<<20), ""},
		"many":    {strings.Repeat("${1}", 1<<18), "too large"},
		"wrong":   {strings.Repeat("${x}", 1<<18), "unknown name x"},
		"long":    {"${'" + strings.Repeat("x", MaxSource) + "'}", "literal not terminated"},
	} {
		_, err := ParseTemplate(c.text, errorScope())
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v, want %q", name, err, c.want)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"long":       {strings.Repeat(" ", MaxSource) + "1", "1:1: the expression is too long: 16385 bytes, at most 16384"},
		"brackets":   {strings.Repeat("(", MaxSource), "1:16384: unexpected end of the expression"},
		"closed":     {strings.Repeat("(", MaxSource/2-1) + "1" + strings.Repeat(")", MaxSource/2-1), ""},
		"lists":      {strings.Repeat("[", MaxSource), "1:16384: unexpected end of the expression"},
		"minus":      {strings.Repeat("-", MaxSource-1) + "1", "too large"},
		"not":        {strings.Repeat("!", 600) + "true", "too large"},
		"deep lists": {strings.Repeat("[", 600) + strings.Repeat("]", 600), "too large"},
		"many":       {"1" + strings.Repeat("+1", 1200), "too large"},
		"sum":        {"1" + strings.Repeat("+1", 400), ""},
		"paths":      {"body" + strings.Repeat(".a", 400), ""},
		"lets":       {strings.Repeat("let a", 1) + " = 1; a", ""},
		"ternaries":  {strings.Repeat("true?", 2000), "unexpected end"},
		"powers":     {"1" + strings.Repeat("**1", 4000), "too large"},
		"pipes":      {"'a'" + strings.Repeat("|len()", 2000), "too large"},
		"ifs":        {strings.Repeat("if true {1} else ", 900) + "{1}", "too large"},
		"unknown":    {strings.Repeat("x+", 50) + "x", "unknown name x"},
	} {
		_, err := Parse(c.src, errorScope())
		got := ""
		if err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %.200q, want %q", name, got, c.want)
		}
		if n := strings.Count(got, "\n"); n >= maxErrors {
			t.Errorf("%s: %d errors", name, n+1)
		}
	}
}
