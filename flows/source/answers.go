package source

// Answer is what a caller over HTTP gets.
type Answer struct {
	Pos     Position
	Status  Text // a number; not set: 200
	Headers []Var
	Body    Data // absent, text as it is, or data to be sent as JSON
	Delay   Duration
}

func answerKeys() []key[Answer] {
	return []key[Answer]{
		field("status", val.word, func(a *Answer) *Text { return &a.Status }),
		field("headers", val.headers, func(a *Answer) *[]Var { return &a.Headers }),
		field("body", val.free, func(a *Answer) *Data { return &a.Body }),
		field("delay", val.duration, func(a *Answer) *Duration { return &a.Delay }),
	}
}

// answers reads one answer, or a list of them in their turn.
func (v val) answers() []Answer {
	out := []Answer{}
	v.oneOrEach(func(v val) {
		a := Answer{Pos: v.Pos}
		object(v, "`answer`", answerKeys(), &a)
		out = append(out, a)
	})
	if len(out) == 0 {
		v.fail("`answer` is empty")
	}
	return out
}
