package source

import (
	"slices"
	"strings"
	"unicode"
)

// isDynamic reports whether text holds ${…}; $${ is literal.
func isDynamic(s string) bool {
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			return false
		}
		if i == 0 || s[i-1] != '$' {
			return true
		}
		s = s[i+2:]
	}
}

// openTemplate reports whether a ${ in the text is not closed.
func openTemplate(s string) bool {
	return isDynamic(s) && open(s[strings.Index(s, "${"):])
}

// open reports whether an expression ends inside of a quoted text or bracket,
// or on an operator that wants more.
func open(expr string) bool {
	depth := 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '"', '\'', '`':
			i++
			for i < len(expr) && expr[i] != c {
				if expr[i] == '\\' && c != '`' {
					i++
				}
				i++
			}
			if i >= len(expr) {
				return true
			}
		}
	}
	expr = strings.TrimRight(expr, " \t\n")
	return depth > 0 || expr != "" && strings.ContainsRune("=<>&|+-*/%^?:,.", rune(expr[len(expr)-1]))
}

// checkName reports a name that could not be written elsewhere in the file.
func (v val) checkName(what string, name Text) {
	const longest = 200
	ok := name.Value != "" && len(name.Value) <= longest
	for i, r := range name.Value {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
		ok = ok && (letter || i > 0 && strings.ContainsRune("-./:", r))
	}
	if !ok {
		v.errs.add(Errorf(name.Pos, "%s is no name for %s", quote(name.Value), what).
			WithHint("a name has letters, digits, and after the first of them - _ . / :"))
	}
}

// checkIdentifier reports a name that no expression could use.
func (v val) checkIdentifier(what string, name Text) {
	ok := name.Value != ""
	for i, r := range name.Value {
		ok = ok && (r == '_' || unicode.IsLetter(r) || i > 0 && unicode.IsDigit(r))
	}
	switch {
	case !ok:
		v.errs.add(Errorf(name.Pos, "%s cannot be the name of %s: expressions could not use it", quote(name.Value), what).
			WithHint("a name has letters, digits and _, and begins with no digit: %s", identifier(name.Value)))
	case IsReserved(name.Value):
		v.errs.add(Errorf(name.Pos, "%s cannot be the name of %s: it is a word of the expressions", quote(name.Value), what).
			WithHint("say more: %s_step", name.Value))
	}
}

// identifier makes the identifier that is nearest to a name.
func identifier(name string) string {
	out := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
	if out == "" || unicode.IsDigit([]rune(out)[0]) {
		return "step_" + out
	}
	return out
}

// IsReserved reports whether a word has a meaning in expressions, so that no
// step can have it as its name.
func IsReserved(word string) bool { return slices.Contains(reserved(), word) }

// reserved returns the words of expr-lang, its functions, and what expressions
// of a flow file see beside the steps.
func reserved() []string {
	return strings.Fields(`
		and or not in matches contains startsWith endsWith let if else true false nil
		all none any one filter map find findIndex findLast findLastIndex count sum groupBy sortBy reduce
		len type abs ceil floor round int float string trim trimPrefix trimSuffix upper lower split splitAfter
		replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max min mean median toJSON fromJSON
		toBase64 fromBase64 now duration date timezone first last get take keys values toPairs fromPairs
		reverse uniq concat flatten sort bitand bitor bitxor bitnand bitnot bitshl bitshr bitushr
		body text tombstone key headers headersAll headerInt headerUUID properties channel position time seen
		redelivered death chain vars env id case uuid file reply channels fake step steps`)
}
