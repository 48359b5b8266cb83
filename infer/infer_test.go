package infer_test

import (
	"fmt"
	"testing"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/infer"
)

// examples makes n examples of a payment that follows an order.
func examples(n int) []*infer.Example {
	var all []*infer.Example
	for i := range n {
		f := func(path, format string, args ...any) compare.Field {
			return compare.Field{Path: path, Value: fmt.Sprintf(format, args...)}
		}
		e := infer.NewExample([]compare.Field{
			f("body.amount", "%d.5", i), f("body.by", `"%c"`, "abcdefgh"[i%8]), f("body.currency", `"EUR"`),
			f("body.items[0].sku", `"A%d"`, i), f("body.items[1].sku", `"B"`), f("body.lines", "2"), f("body.many", "%d", 2+i%2),
			f("body.paymentId", `"pay-o-%d"`, i), f("body.pick", `"A%d"`, i), f("body.rate", "%d", i%2),
		})
		of := []compare.Field{f("body.id", `"o-%d"`, i), f("body.lines[0].sku", `"A%d"`, i), f("body.lines[1].sku", `"B"`), f("body.total", "%d.5", i)}
		if i%2 == 1 {
			of = append(of, f("body.lines[2].sku", `"C"`))
		}
		e.After("placed", of)
		all = append(all, e)
	}
	return all
}

func TestField(t *testing.T) {
	for path, want := range map[string]string{
		"body.amount":    "body.amount == placed.body.total",
		"body.paymentId": `body.paymentId == "pay-" + placed.body.id`,
		"body.currency":  `body.currency == "EUR"`,
		"body.rate":      `body.rate in [0, 1]`,
		"body.many":      `body.many == len(placed.body.lines)`,
		"body.pick":      `any(placed.body.lines, #.sku == body.pick)`,
		"body.lines":     `body.lines == 2`,
		"body.by":        "",
		"body.none":      "",
	} {
		g, _ := infer.Field(path, examples(8))
		if g.Check != want {
			t.Errorf("%s: %q, want %q", path, g.Check, want)
		}
	}
	g, _ := infer.Field("body.amount", examples(8))
	if g.Holds != 8 {
		t.Errorf("holds in %d", g.Holds)
	}
	if g, ok := infer.Field("body.currency", examples(1)); ok {
		t.Errorf("one example says that it is constant: %v", g)
	}
	// Lists that are equal as a whole.
	same := examples(4)
	for i := range same {
		same[i] = infer.NewExample([]compare.Field{{Path: "body.items[0].sku", Value: fmt.Sprint(i)}})
		same[i].After("placed", []compare.Field{{Path: "body.lines[0].sku", Value: fmt.Sprint(i)}})
	}
	if g, _ := infer.Field("body.items[0].sku", same); g.Check != "body.items == placed.body.lines" {
		t.Errorf("lists: %q", g.Check)
	}
}
