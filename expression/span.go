package expression

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// spans finds the source text of parts of an expression. expr-lang's tree knows
// of each part only one token; the rest is found by the brackets.
type spans struct {
	text   string
	tokens []lexer.Token
	bytes  []int // the offset of each character, and the end
}

func newSpans(text string) *spans {
	s := &spans{text: text}
	s.tokens, _ = lexer.Lex(file.NewSource(text))
	for i := range text {
		s.bytes = append(s.bytes, i)
	}
	s.bytes = append(s.bytes, len(text))
	return s
}

// of returns the text of n on one line.
func (s *spans) of(n ast.Node) string {
	first, last := len(s.tokens), -1
	s.cover(n, &first, &last)
	if last < 0 {
		return ""
	}
	first, last = s.balance(first, last)
	from, to := s.bytes[s.tokens[first].From], s.bytes[s.tokens[last].To]
	return strings.Join(strings.Fields(s.text[from:to]), " ")
}

// cover widens first to last to the tokens of n and its parts.
func (s *spans) cover(n ast.Node, first, last *int) {
	if i, ok := s.token(n); ok {
		*first, *last = min(*first, i), max(*last, i)
		switch n.(type) {
		case *ast.BuiltinNode, *ast.CallNode:
			if i+1 < len(s.tokens) && s.tokens[i+1].Is(lexer.Bracket, "(") {
				*last = max(*last, i+1)
			}
		}
	}
	for _, part := range parts(n) {
		s.cover(part, first, last)
	}
}

// token finds the token that n was made of. Conditions by if have none.
func (s *spans) token(n ast.Node) (int, bool) {
	at := n.Location()
	if at.To == 0 {
		return 0, false
	}
	return slices.BinarySearchFunc(s.tokens, at.From, func(t lexer.Token, from int) int { return t.From - from })
}

// balance widens first to last until each bracket has its partner.
func (s *spans) balance(first, last int) (int, int) {
	open, missing := 0, 0
	for _, t := range s.tokens[first : last+1] {
		open += bracket(t)
		missing = min(missing, open)
	}
	for open -= missing; missing < 0 && first > 0; {
		first--
		missing += bracket(s.tokens[first])
	}
	for open > 0 && last+1 < len(s.tokens) {
		last++
		open += bracket(s.tokens[last])
	}
	return first, last
}

// bracket is 1 for an opening bracket and -1 for a closing one.
func bracket(t lexer.Token) int {
	switch {
	case t.Is(lexer.Bracket, "("), t.Is(lexer.Bracket, "["), t.Is(lexer.Bracket, "{"):
		return 1
	case t.Is(lexer.Bracket):
		return -1
	}
	return 0
}

// parts are the direct parts of a syntax node.
func parts(n ast.Node) []ast.Node {
	var all []ast.Node
	switch n := n.(type) {
	case *ast.UnaryNode:
		all = []ast.Node{n.Node}
	case *ast.BinaryNode:
		all = []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		all = []ast.Node{n.Node}
	case *ast.MemberNode:
		all = []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		all = []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		all = append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		all = n.Arguments
	case *ast.PredicateNode:
		all = []ast.Node{n.Node}
	case *ast.ConditionalNode:
		all = []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		all = []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		all = n.Nodes
	case *ast.ArrayNode:
		all = n.Nodes
	case *ast.MapNode:
		all = n.Pairs
	case *ast.PairNode:
		all = []ast.Node{n.Key, n.Value}
	}
	return slices.DeleteFunc(slices.Clone(all), func(n ast.Node) bool { return n == nil })
}
