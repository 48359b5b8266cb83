package expression

import (
	"math/rand/v2"

	"github.com/flowcheck/flowcheck/payload"
)

// Scope says which names an expression may use, beside the language's own
// functions. The zero Scope has none.
type Scope struct {
	// Own is true where the expression is about a message: body, headers, …
	Own bool
	// Steps are the steps that may be read by name. A step's index is its Ref,
	// and its place in Frame.Steps or Frame.Lists.
	Steps []Step
	// IDs are the members of chain.ids, in the order of Frame.IDs. Where it is
	// nil there is no chain.
	IDs []string
	// Names are all other names: vars, env, id, case, reply, channels.
	Names []Name
	// Functions may be called beside the language's own: now, uuid, file.
	Functions []Function
	// Unavailable tells, for names that are known elsewhere, why they are not
	// known here: "now" → "only scenarios have a clock".
	Unavailable map[string]string
}

// Step is a step that an expression may read.
type Step struct {
	Name string
	// Counted steps are lists of messages, others are a message.
	Counted bool
}

// Name is a name whose value is no message.
type Name struct {
	Name string
	// Value is the name's value where it is known beforehand (vars, env): it is
	// built into the expression.
	Value payload.Value
	// Later is true where the value comes with each Frame instead, in
	// Frame.Names at this Name's index in Scope.Names.
	Later bool
	// Members are the only members it has, where that is known: any other is an
	// error of the expression. nil allows all.
	Members []string
	// Read, where there is one, is told each of those that an expression names.
	Read func(member string)
	// Secret values are never shown by Explain.
	Secret bool
}

// Function may be called in an expression. An error of it makes the call nil
// and is kept in Frame.Err.
type Function struct {
	// Name may have a dot: fake.name is called as fake.name().
	Name string
	// Params is the number of arguments it takes.
	Params int
	// Call computes the result; Draw, in its stead, with Frame.Random.
	Call func(args []payload.Value) (payload.Value, error)
	Draw func(random rand.Source, args []payload.Value) (payload.Value, error)
	// Secret results are never shown by Explain.
	Secret bool
}
