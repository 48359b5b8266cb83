package expression

import (
	"maps"

	"github.com/flowcheck/flowcheck/payload"
)

// function is one of the language's functions, by the number of its arguments.
// An argument that is nil makes the result nil, unless it takes nil.
type function struct {
	one   func(f *Frame, a payload.Value) payload.Value
	two   func(f *Frame, a, b payload.Value) payload.Value
	three func(f *Frame, a, b, c payload.Value) payload.Value
	// many takes the numbers of arguments in counts, or any from 1.
	many     func(f *Frame, args []payload.Value) payload.Value
	counts   []int
	takesNil bool
}

// functions are all functions without a predicate, by name.
var functions = merged(textFunctions, numberFunctions, listFunctions, objectFunctions, conversions, timeFunctions)

func merged(groups ...map[string]*function) map[string]*function {
	all := make(map[string]*function)
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

// arity returns the numbers of arguments that the function takes; none means any.
func (fn *function) arity() []int {
	counts := fn.counts
	if fn.one != nil {
		counts = append(counts, 1)
	}
	if fn.two != nil {
		counts = append(counts, 2)
	}
	if fn.three != nil {
		counts = append(counts, 3)
	}
	return counts
}

func (c *compiler) call(n *call) func(*Frame) payload.Value {
	fn, args := n.fn, c.values(n.args)
	nilToo := fn.takesNil
	switch {
	case len(args) == 1 && fn.one != nil:
		one, a := fn.one, args[0]
		return func(f *Frame) payload.Value {
			x := a(f)
			if x.IsNil() && !nilToo {
				return payload.Value{}
			}
			return one(f, x)
		}
	case len(args) == 2 && fn.two != nil:
		two, a, b := fn.two, args[0], args[1]
		return func(f *Frame) payload.Value {
			x, y := a(f), b(f)
			if (x.IsNil() || y.IsNil()) && !nilToo {
				return payload.Value{}
			}
			return two(f, x, y)
		}
	}
	return callMany(fn, args)
}

func callMany(fn *function, args []func(*Frame) payload.Value) func(*Frame) payload.Value {
	many := fn.many
	if many == nil {
		three := fn.three
		many = func(f *Frame, args []payload.Value) payload.Value { return three(f, args[0], args[1], args[2]) }
	}
	nilToo := fn.takesNil
	return func(f *Frame) payload.Value {
		given := make([]payload.Value, len(args))
		for i, arg := range args {
			given[i] = arg(f)
			if given[i].IsNil() && !nilToo {
				return payload.Value{}
			}
		}
		return many(f, given)
	}
}
