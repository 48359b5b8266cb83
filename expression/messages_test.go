package expression

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/payload"
)

func TestOwnMessage(t *testing.T) {
	shop().cases(t,
		"text", `"{\"amount\":12}"`,
		"tombstone", "false",
		"key", `"o-1"`,
		"headers['type']", `"paid"`,
		"headers.type", `"paid"`,
		"headers['content-type']", `"application/json"`,
		"headers['x' + 'y']", "null",
		"headers[body.none ?? 'type']", `"paid"`,
		"headers", `{"content-type":"application/json","type":"paid"}`,
		"len(headers)", "2",
		"'type' in headers", "true",
		"headersAll['type']", `["paying","paid"]`,
		"headersAll['type'][0]", `"paying"`,
		"headerInt('attempt') + 1", "4",
		"headerInt('none')", "null",
		"headerUUID('ref')", `"00000000-0000-0000-0000-000000000001"`,
		"properties['correlation-id']", `"c-1"`,
		"properties.headers.a", "1",
		"channel", `"payments"`,
		"position", `"1@77"`,
		"seen - time", `"500ms"`,
		"redelivered", "false",
		"death.reason == 'rejected' and death.attempts == 3", "true",
		"death.error.class + death['error']['text']", `"Eno"`,
		"death.origin.channel", `"shipments"`,
		"death.error", `{"class":"E","text":"no"}`,
		"death == nil", "false",
	)
}

func TestSteps(t *testing.T) {
	shop().cases(t,
		"body.amount == placed.body.total - 1", "true",
		"placed.headers['type']", `"placed"`,
		"placed.channel", `"orders"`,
		"placed?.body?.total", "13",
		"placed.body.lines[1].sku", `"B2"`,
		"placed == nil", "false",
		"placed != nil", "true",
		"nil == mailed", "true",
		"mailed.body.x", "null",
		"mailed == nil or mailed.body.ok", "true",
		"let p = placed; p.body.total", "13",
		"placed.body.lines | map(.qty) | sum()", "2",
		"toJSON(mailed)", `"null"`,
		"(mailed ?? placed).channel", `"orders"`,
		"keys(placed) | len()", "13",
		"placed.headers | len()", "1",
	)
}

func TestCountedSteps(t *testing.T) {
	shop().cases(t,
		"len(shipped)", "2",
		"len(returned)", "0",
		"shipped[0].body.carrier == 'POST'", "true",
		"shipped[1].body.n", "1",
		"shipped[-1].body.n", "1",
		"shipped[2].body.n", "null",
		"shipped[-3].body.n", "null",
		"shipped[body.amount].body.n", "null",
		"shipped[body.none].body.n", "null",
		"shipped[len(shipped) - 1].body.n", "1",
		"shipped[2] == nil", "true",
		"shipped[1] == nil", "false",
		"shipped == nil", "false",
		"all(shipped, .body.n >= 0)", "true",
		"all(shipped, .body.carrier == 'POST')", "false",
		"any(shipped, #.body.carrier == 'POST')", "true",
		"one(shipped, .headers['part'] == 'b')", "true",
		"none(returned, true)", "true",
		"count(shipped, .body.n > 0)", "1",
		"sum(shipped, .body.n)", "1",
		"map(shipped, .body.n)", "[0,1]",
		"map(shipped, .body.n + #index)", "[0,2]",
		"map(shipped, #)[1].body.n", "1",
		"map(shipped, .time - placed.time)", `["0s","1s"]`,
		"filter(shipped, .body.n == 1)[0].headers['part']", `"b"`,
		"filter(shipped, .body.n == 1) | map(.body.n)", "[1]",
		"len(filter(shipped, .body.n > 5))", "0",
		"find(shipped, .body.n == 1).body.n", "1",
		"find(shipped, .body.n == 9) == nil", "true",
		"findIndex(shipped, .body.n == 1)", "1",
		"findLast(shipped, true).body.n", "1",
		"findLastIndex(shipped, .body.n == 0)", "0",
		"first(shipped).body.n", "0",
		"last(shipped).body.n", "1",
		"first(returned).body.n", "null",
		"take(shipped, 1)[0].body.n", "0",
		"reverse(shipped)[0].body.n", "1",
		"shipped[1:][0].body.n", "1",
		"sortBy(shipped, .body.n, 'desc')[0].body.n", "1",
		"let s = shipped[1]; s.body.n + s.body.n", "2",
		"let l = filter(shipped, .body.n == 1); l[0].body.n", "1",
		"groupBy(shipped, .body.n)['1'][0].body.n", "1",
		"len(groupBy(shipped, .body.n))", "2",
		"concat(shipped, shipped) | len()", "4",
		"shipped[0].headerInt('x')", "null",
		"map(shipped, #.headerUUID('x'))", "[null,null]",
		"all(shipped, let n = .body.n; any(shipped, .body.n == n))", "true",
		"shipped[0].channel ?? 'none'", `"none"`,
	)
}

func TestNames(t *testing.T) {
	shop().cases(t,
		"chain.ids.order", `"o-1"`,
		"chain.ids['payment']", "null",
		"chain.ids", `{"order":"o-1","payment":null}`,
		"chain", `{"ids":{"order":"o-1","payment":null}}`,
		"body.amount > vars.limit", "true",
		"vars", `{"limit":10,"tenant":"acme"}`,
		"env.HOME", `"/root"`,
		"env.NOTHING ?? 'd'", `"d"`,
		"case.qty + 1", "3",
		"case.none", "null",
		"id", `"run-7"`,
	)
}

// Each reading of a message is one field, as long as it can be known.
func TestUses(t *testing.T) {
	w := shop()
	for _, c := range []struct{ src, uses, steps string }{
		{"1 + 1", "", "[]"},
		{"body", "body", "[]"},
		{"body.lines[0].sku == body.lines[0].sku", "body.lines[0].sku", "[]"},
		{"body['a b'].c[2]", `body["a b"].c[2]`, "[]"},
		{"body.lines[-1].sku", "body.lines", "[]"},
		{"body.lines[body.n].sku", "body.lines body.n", "[]"},
		{"body.a?.b ?? body.c", "body.a.b body.c", "[]"},
		{"headers['x'] + headers.y + headers[key]", `headers["x"] headers["y"] headers key`, "[]"},
		{"headersAll['x'][0]", `headersAll["x"]`, "[]"},
		{"properties['p'].q", `properties["p"]`, "[]"},
		{"text[0]", "text", "[]"},
		{"headerInt('n') + len(headerUUID('n'))", `headerInt("n") headerUUID("n")`, "[]"},
		{"death.error.class + death.reason", "death.error.class death.reason", "[]"},
		{"placed.body.total == body.total", "0:body.total body.total", "[0]"},
		{"placed == nil", "", "[0]"},
		{"len(shipped)", "", "[1]"},
		{"all(shipped, .body.ok and .headers['x'] == placed.key)", `1:body.ok 1:headers["x"] 0:key`, "[0 1]"},
		{"shipped[0].body.x + shipped[1].body.x", "1:body.x", "[1]"},
		{"shipped[0].headerInt('n')", `1:headerInt("n")`, "[1]"},
		{"let p = placed; let s = shipped; p.time - s[0].time", "0:time 1:time", "[0 1]"},
		{"chain.ids.order == vars.tenant", "", "[]"},
		{"true ? body.a : body.b", "body.a body.b", "[]"},
	} {
		e, err := Parse(c.src, &w.scope)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var uses []string
		for _, u := range e.Uses {
			text := u.Field.String()
			if u.Ref != Own {
				text = fmt.Sprintf("%d:%s", u.Ref, text)
			}
			uses = append(uses, text)
		}
		if got := strings.Join(uses, " "); got != c.uses {
			t.Errorf("%s uses %s, want %s", c.src, got, c.uses)
		}
		if got := fmt.Sprint(e.Steps); got != c.steps {
			t.Errorf("%s mentions the steps %s, want %s", c.src, got, c.steps)
		}
	}
}

// Compile asks for each use once, and a negative slot is nil.
func TestCompileAsksOnce(t *testing.T) {
	e, err := Parse("body.a == placed.body.a and body.a == 1", &shop().scope)
	if err != nil {
		t.Fatal(err)
	}
	var asked []Use
	p := e.Compile(func(ref Ref, f Field) int {
		asked = append(asked, Use{ref, f})
		return -1
	})
	same := func(a, b Use) bool { return a.Ref == b.Ref && a.Field.String() == b.Field.String() }
	if !slices.EqualFunc(asked, e.Uses, same) {
		t.Errorf("asked for %v, want %v", asked, e.Uses)
	}
	if p.Test(&Frame{Self: []payload.Value{payload.OfInt(1)}}) {
		t.Error("a negative slot is not nil")
	}
}

// A frame that lacks what the program reads is all nil.
func TestEmptyFrame(t *testing.T) {
	w := shop()
	for _, src := range []string{
		"body.a", "placed.body.a", "placed == nil ? nil : 1", "shipped[0].body.a", "find(shipped, true)",
		"chain.ids.order", "case.x", "id", "death.at",
	} {
		e, err := Parse(src, &w.scope)
		if err != nil {
			t.Fatal(err)
		}
		p := e.Compile(func(Ref, Field) int { return 5 })
		if v := p.Eval(&Frame{}); !v.IsNil() {
			t.Errorf("%s = %s", src, payload.Plain(v))
		}
	}
}

// Rule 17: reading what the dialect does not carry makes a check unknown.
func TestUnknowable(t *testing.T) {
	w := shop()
	for _, c := range []struct{ src, field, value string }{
		{"death.attempts == 3", "", "true"},
		{"death.origin.topic == 'x'", "death.origin.topic", "false"},
		{"not (death.origin.topic == 'x')", "death.origin.topic", "true"},
		{"death.at > time and death.origin.topic == nil", "death.at", "false"},
		{"death.origin.topic == nil and death.at == nil", "death.origin.topic", "true"},
		{"death.reason == 'other' and death.at > time", "", "false"},
		{"death.reason == 'rejected' or death.at > time", "", "true"},
		{"death.at ?? 1", "death.at", "1"},
		{"let d = death; d.at", "at", "null"},
		{"death.origin['to' + 'pic']", "death.origin.topic", "null"},
		{"death.origin[body.none ?? 'topic']", "topic", "null"},
	} {
		v, f := w.eval(t, c.src)
		if f.Unknowable != c.field || payload.Plain(v) != c.value {
			t.Errorf("%s = %s, unknowable %q; want %s, %q", c.src, payload.Plain(v), f.Unknowable, c.value, c.field)
		}
	}
	if _, f := w.eval(t, "true"); f.Unknowable != "" {
		t.Error("Unknowable outlives an evaluation")
	}
}

func TestFieldString(t *testing.T) {
	name := func(n string) Elem { return Elem{Name: n} }
	for _, c := range []struct {
		f    Field
		want string
	}{
		{Field{Source: Body}, "body"},
		{Field{Body, []Elem{name("a"), {Index: 3, IsIndex: true}, name("b c"), name("0"), name("")}}, `body.a[3]["b c"]["0"][""]`},
		{Field{Headers, []Elem{name("type")}}, `headers["type"]`},
		{Field{HeaderInt, []Elem{name("n")}}, `headerInt("n")`},
		{Field{Death, []Elem{name("error"), name("class")}}, "death.error.class"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
