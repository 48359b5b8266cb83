package expression

import (
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/payload"
)

// parts are the parts of a message in a test, by their source.
type parts_ map[Source]any

// world is all that an expression of a test may read.
type world struct {
	scope Scope
	self  parts_
	steps []parts_
	lists [][]parts_
	ids   []any
	names []any
	used  Budget
}

// row fills the slots that the fields of one message were given.
func row(m parts_, fields []Field) []payload.Value {
	if m == nil {
		return nil
	}
	slots := make([]payload.Value, len(fields))
	for i, f := range fields {
		slots[i] = Walk(payload.FromAny(m[f.Source]), f.Path)
	}
	return slots
}

// prepare compiles e and makes the frame that it sees.
func (w *world) prepare(e *Expr) (*Program, *Frame) {
	fields := make(map[Ref][]Field)
	p := e.Compile(func(ref Ref, f Field) int {
		fields[ref] = append(fields[ref], f)
		return len(fields[ref]) - 1
	})
	f := &Frame{Self: row(w.self, fields[Own]), Budget: w.used}
	for i, m := range w.steps {
		f.Steps = append(f.Steps, row(m, fields[Ref(i)]))
	}
	for i, list := range w.lists {
		var rows [][]payload.Value
		for _, m := range list {
			rows = append(rows, row(m, fields[Ref(i)]))
		}
		f.Lists = append(f.Lists, rows)
	}
	for _, id := range w.ids {
		f.IDs = append(f.IDs, payload.FromAny(id))
	}
	for _, name := range w.names {
		f.Names = append(f.Names, payload.FromAny(name))
	}
	return p, f
}

// eval evaluates src, which must be without errors.
func (w *world) eval(t *testing.T, src string) (payload.Value, *Frame) {
	t.Helper()
	e, err := Parse(src, &w.scope)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	p, f := w.prepare(e)
	v := p.Eval(f)
	if test := p.Test(f); test != v.Bool() {
		t.Errorf("%s: Test is %t, Eval is %s", src, test, payload.Plain(v))
	}
	return v, f
}

// cases checks pairs of a source and its value as JSON.
func (w *world) cases(t *testing.T, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		src, want := pairs[i], pairs[i+1]
		v, f := w.eval(t, src)
		if got := string(payload.AppendJSON(nil, v)); got != want {
			t.Errorf("%s = %s, want %s", src, got, want)
		}
		if f.Exceeded {
			t.Errorf("%s: beyond the budget", src)
		}
	}
}

type (
	object_ = map[string]any
	list_   = []any
)

// shop is a world with a payment, the order before it, and two shipments.
func shop() *world {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	order := parts_{
		Body: object_{"orderId": "o-1", "total": 13, "lines": list_{
			object_{"sku": "A1", "qty": 2}, object_{"sku": "B2", "qty": 0},
		}},
		Headers: object_{"type": "placed"},
		Time:    at,
		Channel: "orders",
	}
	shipment := func(n int, carrier any) parts_ {
		return parts_{
			Body:    object_{"n": n, "carrier": carrier},
			Headers: object_{"part": string(rune('a' + n))},
			Time:    at.Add(time.Duration(n) * time.Second),
		}
	}
	return &world{
		scope: Scope{
			Own:   true,
			Steps: []Step{{Name: "placed"}, {Name: "shipped", Counted: true}, {Name: "mailed"}, {Name: "returned", Counted: true}},
			IDs:   []string{"order", "payment"},
			Names: []Name{
				{Name: "vars", Value: payload.FromAny(object_{"limit": 10, "tenant": "acme"}), Members: []string{"limit", "tenant"}},
				{Name: "env", Value: payload.FromAny(object_{"HOME": "/root"}), Secret: true},
				{Name: "case", Later: true},
				{Name: "id", Later: true},
			},
		},
		self: parts_{
			Body: object_{
				"amount": 12, "ratio": 0.5, "status": "AUTHORISED", "paid": true, "none": nil, "tags": list_{"x", "y"},
				"deep": object_{"a": list_{object_{"b": 1}}}, "big": uint64(18446744073709551615),
			},
			Text: `{"amount":12}`, Tombstone: false, Key: "o-1",
			Headers:    object_{"type": "paid", "content-type": "application/json"},
			HeadersAll: object_{"type": list_{"paying", "paid"}},
			HeaderInt:  object_{"attempt": 3}, HeaderUUID: object_{"ref": "00000000-0000-0000-0000-000000000001"},
			Properties: object_{"correlation-id": "c-1", "headers": object_{"a": 1}},
			Channel:    "payments", Position: "1@77", Time: at.Add(1500 * time.Millisecond), Seen: at.Add(2 * time.Second),
			Redelivered: false,
			Death: object_{
				"reason": "rejected", "attempts": 3, "error": object_{"class": "E", "text": "no"},
				"origin": object_{"channel": "shipments", "position": "5", "topic": payload.Unknowable()},
				"at":     payload.Unknowable(),
			},
		},
		steps: []parts_{order, nil, nil, nil},
		lists: [][]parts_{nil, {shipment(0, "POST"), shipment(1, nil)}, nil, nil},
		ids:   []any{"o-1", nil},
		names: []any{nil, nil, object_{"qty": 2}, "run-7"},
	}
}
