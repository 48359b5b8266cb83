package expression

import (
	"errors"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"github.com/flowcheck/flowcheck/payload"
)

// ParseTemplate reads a text with ${expression} in it. Alone it keeps its type;
// within a longer text its value is rendered, and nil is an error that
// evaluation leaves in Frame.Err. $${ is a literal ${. A text without any is a
// constant. An error is of type Errors.
func ParseTemplate(text string, scope *Scope) (*Expr, error) {
	r := newResolver(text, scope)
	made := &template{}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			made.parts = append(made.parts, &constant{value: payload.OfString(literal.String())})
			made.texts = append(made.texts, "")
			literal.Reset()
		}
	}
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			literal.WriteString(rest)
			break
		}
		if head, escaped := strings.CutSuffix(before, "$"); escaped {
			literal.WriteString(head + "${")
			rest = after
			continue
		}
		literal.WriteString(before)
		flush()
		at := len(text) - len(after)
		source, ok := r.upToBrace(after, at)
		if !ok || r.tooLarge || len(r.errs) >= maxErrors {
			break
		}
		_, part := r.parse(source, at)
		made.parts = append(made.parts, part)
		made.texts = append(made.texts, strings.TrimSpace(source))
		rest = after[len(source)+1:]
	}
	flush()
	return r.finish(text, made.simple(), nil)
}

// upToBrace returns the expression at the start of s, which the first } that is
// not its own ends. at is its offset, for an error.
func (r *resolver) upToBrace(s string, at int) (source string, ok bool) {
	if len(s) > MaxSource {
		// The lexer need not look at more than an expression may have.
		s = s[:MaxSource]
	}
	lex := lexer.New()
	lex.Reset(file.NewSource(s))
	r.part, r.offset = s, at
	for depth := 0; ; {
		token, err := lex.Next()
		switch {
		case err != nil:
			failed := &file.Error{Message: err.Error()}
			errors.As(err, &failed)
			r.errorAt(runeOffset(s, failed.From), "%s", plainMessage(failed.Message))
			return "", false
		case token.Is(lexer.EOF):
			r.errorAt(-2, "${ is not closed by }")
			return "", false
		case token.Is(lexer.Bracket, "}") && depth == 0:
			return s[:runeOffset(s, token.From)], true
		case token.Is(lexer.Bracket, "{"):
			depth++
		case token.Is(lexer.Bracket, "}"):
			depth--
		}
	}
}

// simple is the template without what it does not need: one expression alone,
// or one constant.
func (n *template) simple() node {
	for _, part := range n.parts {
		if c, ok := part.(*constant); !ok || c.secret || c.value.IsNil() {
			if len(n.parts) == 1 {
				return part
			}
			return n
		}
	}
	if len(n.parts) == 1 {
		return n.parts[0]
	}
	var all strings.Builder
	for _, part := range n.parts {
		all.WriteString(payload.Plain(part.(*constant).value))
	}
	return &constant{value: payload.OfString(all.String())}
}
