package source

import "strings"

// text reads a scalar: numbers and booleans are taken as they are written.
func (v val) text() Text {
	switch v.Kind {
	case List, Map:
		v.failHint("a value that begins with `{` or `[` needs quotes", "%s must be text, not %s", quote(v.key), v.Kind.a())
		return Text{}
	case Null:
		v.fail("%s is empty", quote(v.key))
		return Text{}
	default:
		if v.refuseCut(v.Text, openTemplate(v.Text.Value)) && openTemplate(v.Text.Value) {
			return Text{}
		}
		return v.Text
	}
}

// word is text that must not be empty.
func (v val) word() Text {
	t := v.text()
	if t.IsSet() && strings.TrimSpace(t.Value) == "" {
		v.fail("%s is empty", quote(v.key))
		return Text{}
	}
	return t
}

// texts reads one text or a list of them.
func (v val) texts() []Text {
	return v.many(val.word)
}

func (v val) many(read func(val) Text) []Text {
	out := []Text{}
	v.oneOrEach(func(item val) {
		if t := read(item); t.IsSet() {
			out = append(out, t)
		}
	})
	return out
}

// expr reads an expression.
func (v val) expr() Text {
	switch v.Kind {
	case List, Map:
		v.failHint("an expression that begins with `{` or `[` needs quotes", "%s must be an expression, not %s", quote(v.key), v.Kind.a())
		return Text{}
	case Null:
		v.fail("%s is empty: an expression should stand here", quote(v.key))
		return Text{}
	default:
		return v.exprText()
	}
}

// exprText reads the text of an expression.
func (v val) exprText() Text {
	text := strings.TrimSpace(v.Text.Value)
	switch {
	case text == "":
		v.fail("%s is empty: an expression should stand here", quote(v.key))
		return Text{}
	case strings.HasPrefix(text, "${"):
		v.failHint("write it without ${ }", "%s is an expression already", quote(v.key))
		return Text{}
	}
	if v.refuseCut(v.Text, open(text)) {
		return Text{} // what is left is not what was meant
	}
	return v.Text
}

// exprs reads one expression or a list of them.
func (v val) exprs() []Text { return v.many(val.expr) }

// flag reads true or false.
func (v val) flag() bool {
	if v.Kind != Bool {
		v.fail("%s must be true or false, not %s", quote(v.key), v.describe())
	}
	return v.Kind == Bool && v.Text.Value == "true"
}

// describe names a value in a message: a scalar as it is written.
func (v val) describe() string {
	switch v.Kind {
	case Number, Bool:
		return quote(v.Text.Value)
	case String:
		return "the text " + quote(v.Text.Value)
	default:
		return v.Kind.a()
	}
}

// oneOf reads one of some words, or text that holds ${…}.
func oneOf(words ...string) func(val) Text {
	return func(v val) Text {
		t := v.word()
		for _, w := range words {
			if t.Value == w {
				return t
			}
		}
		if t.IsSet() && !isDynamic(t.Value) {
			v.failHint("it is one of: "+list(words), "%s cannot be %s%s", quote(v.key), quote(t.Value), didYouMean(t.Value, words))
			return Text{}
		}
		return t
	}
}

// free takes any data.
func (v val) free() Data {
	v.checkFree(v.Data)
	return v.Data
}

// checkFree refuses texts that a comment cuts.
func (v val) checkFree(d Data) {
	if d.Kind == String {
		v.refuseCut(d.Text, openTemplate(d.Text.Value))
	}
	for _, item := range d.Items {
		v.checkFree(item)
	}
	for _, m := range d.Members {
		v.checkFree(m.Value)
	}
}
