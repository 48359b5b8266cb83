package expression

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"pgregory.net/rapid"

	"github.com/flowcheck/flowcheck/payload"
)

// source writes well-typed expressions of this language and of expr-lang's.
type source struct {
	t     *rapid.T
	depth int
	vars  int
}

// pick calls one of the writers; the first ones end the expression.
func (s *source) pick(ends int, writers ...func() string) string {
	s.depth++
	defer func() { s.depth-- }()
	if s.depth > 4 {
		writers = writers[:ends]
	}
	return writers[rapid.IntRange(0, len(writers)-1).Draw(s.t, "form")]()
}

func (s *source) one(texts ...string) func() string {
	return func() string { return rapid.SampledFrom(texts).Draw(s.t, "text") }
}

func (s *source) number() string {
	return s.pick(2,
		func() string { return fmt.Sprint(rapid.IntRange(0, 9).Draw(s.t, "int")) },
		s.one("body.i", "body.j", "body.f", "0.5", "2.25", "body.o.n", "body.objects[0].n", "body['i']"),
		func() string {
			op := s.one("+", "-", "*")()
			return "(" + s.number() + " " + op + " " + s.number() + ")"
		},
		func() string { return "(" + s.number() + " / " + s.one("2", "4.0", "body.j")() + ")" },
		func() string { return "(" + s.integer() + " % " + s.one("2", "7", "body.j")() + ")" },
		func() string { return "(-" + s.number() + ")" },
		func() string { return "(2 ** " + s.integer() + ")" },
		func() string {
			return s.one("abs", "floor", "ceil", "round", "float", "int")() + "(" + s.number() + ")"
		},
		func() string { return s.one("max", "min", "mean", "median", "sum")() + "(" + s.numbers() + ")" },
		func() string { return "(" + s.boolean() + " ? " + s.number() + " : " + s.number() + ")" },
		func() string { return "(body.none ?? " + s.number() + ")" },
		func() string {
			s.vars++
			name := fmt.Sprintf("v%d", s.vars)
			return "(let " + name + " = " + s.number() + "; " + name + " + " + name + ")"
		},
		s.integer,
	)
}

func (s *source) integer() string {
	return s.pick(1,
		s.one("1", "3", "5", "body.i", "body.j", "body.o.n"),
		func() string { return "len(" + s.one(s.text(), s.numbers(), s.texts(), "body.o")() + ")" },
		func() string { return "count(" + s.numbers() + ", # > " + s.number() + ")" },
		func() string { return "sum(body.objects, .n * " + s.integer() + ")" },
		func() string {
			return s.one("indexOf", "lastIndexOf")() + "(" + s.text() + ", " + s.one("'a'", "'bc'", "body.s")() + ")"
		},
		func() string {
			return s.one("bitand", "bitor", "bitxor", "bitnand")() + "(" + s.integer() + ", " + s.integer() + ")"
		},
		func() string { return "(findIndex(" + s.numbers() + ", # >= " + s.number() + ") ?? -1)" },
	)
}

func (s *source) text() string {
	return s.pick(1,
		s.one("'a'", "'abc'", "''", "body.s", "body.t", "body.o.s", "'a,b,c'"),
		func() string { return "(" + s.text() + " + " + s.text() + ")" },
		func() string { return s.one("upper", "lower", "trim")() + "(" + s.text() + ")" },
		func() string {
			return s.one("trimPrefix", "trimSuffix", "trim")() + "(" + s.text() + ", " + s.one("'a'", "'bc'")() + ")"
		},
		func() string { return "replace(" + s.text() + ", 'a', 'xy')" },
		func() string { return "join(" + s.texts() + ", '-')" },
		func() string { return "repeat(" + s.text() + ", 2)" },
		func() string { return "fromBase64(toBase64(" + s.text() + "))" },
		func() string { return "string(" + s.integer() + ")" },
		func() string {
			return s.text() + "[" + s.one("1:", ":1", "1:3", ":-1", "-2:", ":")() + "]"
		},
		func() string { return "(" + s.boolean() + " ? " + s.text() + " : " + s.text() + ")" },
	)
}

func (s *source) boolean() string {
	return s.pick(1,
		s.one("true", "false", "body.b", "(body.none == nil)", "(body.i != nil)"),
		func() string {
			op := s.one("<", "<=", ">", ">=", "==", "!=")()
			return "(" + s.number() + " " + op + " " + s.number() + ")"
		},
		func() string {
			op := s.one("<", ">=", "==", "!=", "contains", "startsWith", "endsWith", "not contains")()
			return "(" + s.text() + " " + op + " " + s.text() + ")"
		},
		func() string {
			op := s.one("and", "or", "&&", "||", "==", "!=")()
			return "(" + s.boolean() + " " + op + " " + s.boolean() + ")"
		},
		func() string { return "(not " + s.boolean() + ")" },
		func() string { return "(" + s.number() + " in " + s.numbers() + ")" },
		func() string { return "(" + s.text() + " not in " + s.texts() + ")" },
		func() string { return "(" + s.text() + " in body.o)" },
		func() string { return "(" + s.text() + " matches " + s.one("'^a.*c$'", "'[b-d]+'", "body.t")() + ")" },
		func() string {
			return s.one("all", "any", "none", "one")() + "(" + s.numbers() + ", # > " + s.number() + ")"
		},
		func() string { return s.one("all", "any")() + "(body.objects, .n > " + s.number() + " and .s != '')" },
		func() string { return "(" + s.numbers() + " == " + s.numbers() + ")" },
		func() string { return s.one("hasPrefix", "hasSuffix")() + "(" + s.text() + ", " + s.text() + ")" },
	)
}

func (s *source) numbers() string {
	return s.pick(1,
		s.one("body.xs", "body.ys", "[1, 2, 3]", "[]", "[0.5, 1]", "(1..4)", "(3..1)", "map(body.objects, .n)"),
		func() string { return "filter(" + s.numbers() + ", # > " + s.number() + ")" },
		func() string { return "map(" + s.numbers() + ", # * 2 + #index)" },
		func() string { return "[" + s.number() + ", " + s.number() + "]" },
		func() string { return s.one("reverse", "uniq", "sort", "flatten")() + "(" + s.numbers() + ")" },
		func() string { return "sort(" + s.numbers() + ", 'desc')" },
		func() string { return "sortBy(" + s.numbers() + ", -#)" },
		func() string { return "concat(" + s.numbers() + ", " + s.numbers() + ")" },
		func() string { return "take(" + s.numbers() + ", 2)" },
		func() string {
			return s.numbers() + "[" + s.one("1:", ":1", "1:3", ":-1", "-2:", ":")() + "]"
		},
		func() string { return "(" + s.numbers() + " | filter(# != " + s.number() + "))" },
	)
}

func (s *source) texts() string {
	return s.pick(1,
		s.one("body.ss", "['a', 'b']", "[]"),
		func() string { return "split(" + s.text() + ", ',')" },
		func() string { return "splitAfter(" + s.text() + ", 'b')" },
		func() string { return "map(" + s.numbers() + ", " + s.text() + ")" },
		func() string { return "filter(" + s.texts() + ", # != 'a')" },
		func() string { return "uniq(concat(" + s.texts() + ", " + s.texts() + "))" },
	)
}

// findLast is nowhere but at the top: within a call, expr-lang 1.17.8 leaves the
// outcome of its loop's test on its stack.
func (s *source) any() string {
	return s.pick(5, s.number, s.text, s.boolean, s.numbers, s.texts,
		func() string { return "{a: " + s.number() + ", 'b': " + s.texts() + "}" },
		func() string { return s.one("first", "last")() + "(" + s.numbers() + ")" },
		func() string { return "find(" + s.numbers() + ", # > " + s.number() + ")" },
		func() string { return "findLast(" + s.texts() + ", # > " + s.text() + ")" },
		func() string { return "fromPairs(toPairs(body.o))" },
		func() string { return "groupBy(" + s.texts() + ", #)" },
		func() string { return "get(" + s.numbers() + ", " + s.integer() + ")" },
		func() string { return "body.objects[" + s.one("0", "1", "-1")() + "]" },
		func() string { return "map(filter(body.objects, .n > " + s.number() + "), .s)" },
	)
}

// plainAny turns what expr-lang's machine returns into what FromAny knows.
func plainAny(x any) any {
	v := reflect.ValueOf(x)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		items := make([]any, v.Len())
		for i := range items {
			items[i] = plainAny(v.Index(i).Interface())
		}
		return items
	case reflect.Map:
		members := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			members[fmt.Sprint(key.Interface())] = plainAny(v.MapIndex(key).Interface())
		}
		return members
	default:
		return x
	}
}

// Where expr-lang's own machine has a value, it is this one.
func TestAgreesWithExprLang(t *testing.T) {
	same, failed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(-5, 20)
		text := rapid.StringMatching(`[abc,]{0,6}`)
		body := object_{
			"i": number.Draw(t, "i"), "j": rapid.IntRange(1, 9).Draw(t, "j"), "f": float64(number.Draw(t, "f")) / 4,
			"s": text.Draw(t, "s"), "t": text.Draw(t, "t"), "b": rapid.Bool().Draw(t, "b"), "none": nil,
			"xs": list_{number.Draw(t, "x"), number.Draw(t, "x"), 3}, "ys": list_{}, "ss": list_{text.Draw(t, "ss"), "a"},
			"o": object_{"n": number.Draw(t, "n"), "s": "abc"},
			"objects": list_{
				object_{"n": number.Draw(t, "n"), "s": text.Draw(t, "s")}, object_{"n": 1, "s": "b"},
			},
		}
		src := (&source{t: t}).any()
		if len(src) > MaxSource {
			return
		}
		program, err := expr.Compile(src, expr.Env(object_{"body": body}))
		if err != nil {
			failed++ // its checker refuses some that are typed well enough
			return
		}
		theirs, err := expr.Run(program, object_{"body": body})
		if err != nil {
			failed++
			return
		}
		w := &world{scope: Scope{Own: true}, self: parts_{Body: body}}
		e, err := Parse(src, &w.scope)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		p, f := w.prepare(e)
		ours, want := p.Eval(f), payload.FromAny(plainAny(theirs))
		if strings.Contains(payload.Plain(want), "Inf") || strings.Contains(payload.Plain(want), "NaN") {
			return
		}
		if !payload.Equal(ours, want) {
			t.Fatalf("%s\n is %s\nexpr-lang: %s\nbody: %v", src, payload.Plain(ours), payload.Plain(want), body)
		}
		same++
	})
	if same < failed {
		t.Errorf("only %d of %d could be compared", same, same+failed)
	}
}
