package expression_test

import (
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/payload"
)

// A check is parsed once, its fields are given slots, and each message fills
// them.
func Example() {
	scope := &expression.Scope{Own: true, Steps: []expression.Step{{Name: "placed"}}}
	check, err := expression.Parse(`body.amount == placed.body.total and headers["type"] == "paid"`, scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	slots := make(map[expression.Ref]int)
	program := check.Compile(func(ref expression.Ref, f expression.Field) int {
		fmt.Println("message", ref, "field", f, "in slot", slots[ref])
		slots[ref]++
		return slots[ref] - 1
	})
	frame := &expression.Frame{
		Self:  []payload.Value{payload.OfInt(12), payload.OfString("paid")},
		Steps: [][]payload.Value{{payload.OfInt(13)}},
	}
	fmt.Println(program.Test(frame))
	for _, part := range program.Explain(frame) {
		fmt.Println(part.Text)
		for _, side := range part.Operands {
			fmt.Println("  ", side.Text, "=", payload.Short(side.Value, 80))
		}
	}
	// Output:
	// message -1 field body.amount in slot 0
	// message 0 field body.total in slot 0
	// message -1 field headers["type"] in slot 1
	// false
	// body.amount == placed.body.total
	//    body.amount = 12
	//    placed.body.total = 13
}

// Errors have their place in the source.
func ExampleParse_errors() {
	_, err := expression.Parse("body.amount == plcaed.body.total\n  and death.atempts == 3", &expression.Scope{
		Own: true, Steps: []expression.Step{{Name: "placed"}},
	})
	var all expression.Errors
	if errors.As(err, &all) {
		for _, e := range all {
			fmt.Println(e.Line, e.Column, e.Offset, e.Message)
		}
	}
	// Output:
	// 1 16 15 unknown name plcaed; did you mean placed?
	// 2 13 45 death has no atempts; did you mean attempts?
}

// A template's value keeps its type where it stands alone.
func ExampleParseTemplate() {
	scope := &expression.Scope{Names: []expression.Name{{Name: "id", Later: true}}}
	frame := &expression.Frame{Names: []payload.Value{payload.OfInt(7)}}
	for _, text := range []string{"${id + 1}", "order-${id}", "$${id}", "${nil} and ${id}"} {
		e, err := expression.ParseTemplate(text, scope)
		if err != nil {
			fmt.Println(err)
			continue
		}
		v := e.Compile(nil).Eval(frame)
		fmt.Println(payload.Short(v, 80), frame.Err)
	}
	// Output:
	// 8 <nil>
	// "order-7" <nil>
	// "${id}" <nil>
	// null ${nil} is nil within a text; give it a default: ${nil ?? …}
}
