// Package infer guesses from traffic what a field of a message must be: equal to
// a field of an earlier step, made from one, always the same, one of a few.
//
//	examples of a step (its fields, those of earlier steps) → Field → a check, and why
//
// A guess holds in every example that it is made from; whether it must hold, a
// person decides. learn and mutate both ask it.
package infer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/payload"
)

// Example is a message of a step with what came before it in its chain.
type Example struct {
	own     fields
	earlier []source
}

type source struct {
	step   string
	fields fields
}

// fields are a message's, by path, and in the order of the paths.
type fields struct {
	all   []compare.Field
	value map[string]string
}

func index(all []compare.Field) fields {
	f := fields{all: all, value: make(map[string]string, len(all))}
	for _, x := range all {
		f.value[x.Path] = x.Value
	}
	return f
}

// NewExample makes an example of a message's fields.
func NewExample(own []compare.Field) *Example { return &Example{own: index(own)} }

// After adds the fields of a step that came before.
func (e *Example) After(step string, of []compare.Field) {
	e.earlier = append(e.earlier, source{step, index(of)})
}

// Guess is a check that holds in all examples.
type Guess struct {
	Check string
	// Holds is in how many examples it was seen to hold.
	Holds int
	// Why says it in words.
	Why string
	// rank: the smaller, the likelier that it is meant.
	rank int
}

// maxGuesses bounds the guesses that are followed, maxEnum the values of a field
// that are taken for an enumeration.
const (
	maxGuesses = 200
	maxEnum    = 6
)

// Field guesses what the field at path must be; ok is false where nothing in the
// traffic tells.
func Field(path string, examples []*Example) (g Guess, ok bool) {
	having := slices.DeleteFunc(slices.Clone(examples), func(e *Example) bool { _, has := e.own.value[path]; return !has })
	if len(having) == 0 {
		return g, false
	}
	values := map[string]int{}
	for _, e := range having {
		values[e.own.value[path]]++
	}
	var best *Guess
	for _, r := range relations(path, having[0]) {
		if guess, ok := r.test(path, having, len(values)); ok && (best == nil || guess.rank < best.rank) {
			best = &guess
		}
	}
	if best != nil {
		return *best, true
	}
	return constant(path, values, len(having))
}

// constant guesses that the field is always the same, or one of a few.
func constant(path string, values map[string]int, n int) (Guess, bool) {
	sorted := make([]string, 0, len(values))
	for v := range values {
		sorted = append(sorted, v)
	}
	slices.Sort(sorted)
	switch {
	case strings.HasPrefix(path, "body[") || len(sorted) > maxEnum || slices.ContainsFunc(sorted, long):
		return Guess{}, false
	case len(sorted) == 1 && n >= 2:
		return Guess{Check: path + " == " + literal(sorted[0]), Holds: n, Why: fmt.Sprintf("it was the same in all %d", n)}, true
	case len(sorted) > 1 && n >= 4*len(sorted):
		for i := range sorted {
			sorted[i] = literal(sorted[i])
		}
		return Guess{
			Check: path + " in [" + strings.Join(sorted, ", ") + "]", Holds: n,
			Why: fmt.Sprintf("it had %d values in %d", len(sorted), n),
		}, true
	}
	return Guess{}, false
}

// long reports whether a value is too long to stand in a flow file, or is spelt
// otherwise in an expression.
func long(value string) bool { return len(value) > 60 || strings.Contains(value, `\`) }

// literal spells a JSON scalar in an expression.
func literal(value string) string {
	if value == "null" {
		return "nil"
	}
	return value
}

// relation is a guess that ties a field to one of an earlier step.
type relation struct {
	step, at       string // the earlier field
	kind           relationKind
	before, behind string // what is put about it
	telling        bool   // the value is none that many fields have
}

type relationKind int

const (
	equal relationKind = iota
	sameList
	affixed
	length
	member
)

// relations are all that hold in one example.
func relations(path string, e *Example) []relation {
	value := e.own.value[path]
	var all []relation
	for _, s := range e.earlier {
		for _, f := range s.fields.all {
			if len(all) >= maxGuesses {
				return all
			}
			for _, r := range between(path, value, s.step, f) {
				r.telling = telling(value)
				all = append(all, r)
			}
		}
		all = append(all, lengths(value, s)...)
	}
	return all
}

func between(path, value, step string, f compare.Field) []relation {
	list, rest := listOf(f.Path)
	inList := listRoot(path) != path
	switch {
	case f.Value != value && list == "":
		return affix(value, step, f)
	case f.Value != value:
		return nil
	case inList:
		if own, tail := listOf(path); own != "" && list != "" && tail == rest {
			return []relation{{step: step, at: list, kind: sameList, before: own}}
		}
	case list == "":
		return []relation{{step: step, at: f.Path, kind: equal}}
	default:
		return []relation{{step: step, at: list, kind: member, behind: rest}}
	}
	return nil
}

// affix is the relation of a text that has another in it.
func affix(value, step string, f compare.Field) []relation {
	if !isText(value) || !isText(f.Value) || len(f.Value) < 5 || len(value) <= len(f.Value) || strings.Contains(value, `\`) {
		return nil
	}
	before, behind, ok := strings.Cut(value[1:len(value)-1], f.Value[1:len(f.Value)-1])
	if !ok {
		return nil
	}
	return []relation{{step: step, at: f.Path, kind: affixed, before: before, behind: behind}}
}

// lengths are the lists of a step that have as many items as the value says.
func lengths(value string, s source) []relation {
	n := payload.ParseNumber(value)
	if n.Kind() != payload.Int {
		return nil
	}
	var all []relation
	for list, items := range lists(s.fields.all) {
		if int64(items) == n.Int() {
			all = append(all, relation{step: s.step, at: list, kind: length})
		}
	}
	slices.SortStableFunc(all, func(a, b relation) int { return strings.Compare(a.at, b.at) })
	return all
}

// lists are the lists of a message, outermost, and how many items each has.
func lists(all []compare.Field) map[string]int {
	found := map[string]int{}
	for _, f := range all {
		root := listRoot(f.Path)
		if root == f.Path {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(f.Path[len(root):], "[%d]", &i); err == nil {
			found[root] = max(found[root], i+1)
		}
	}
	return found
}

// listRoot is the path up to its first index; the path itself where it has none.
func listRoot(path string) string {
	for i := 0; i+1 < len(path); i++ {
		if path[i] == '[' && path[i+1] >= '0' && path[i+1] <= '9' {
			return path[:i]
		}
	}
	return path
}

// listOf splits the path of a field in a list's item: the list, and the rest
// behind the index. The list is "" for what is in none, or in one within another.
func listOf(path string) (list, rest string) {
	root := listRoot(path)
	if root == path {
		return "", ""
	}
	_, rest, _ = strings.Cut(path[len(root):], "]")
	if listRoot(rest) != rest {
		return "", ""
	}
	return root, rest
}

func isText(value string) bool { return len(value) >= 2 && value[0] == '"' }

// test holds the relation against all examples. distinct is how many values the
// field has.
func (r relation) test(path string, examples []*Example, distinct int) (Guess, bool) {
	holds := 0
	for _, e := range examples {
		i := slices.IndexFunc(e.earlier, func(s source) bool { return s.step == r.step })
		if i < 0 {
			continue
		}
		if !r.in(path, e, e.earlier[i].fields) {
			return Guess{}, false
		}
		holds++
	}
	if holds < len(examples) || !r.enough(path, distinct, holds) {
		return Guess{}, false
	}
	return Guess{Check: r.check(path), Holds: holds, Why: fmt.Sprintf("it held in all %d", holds), rank: r.rank(path)}, true
}

// enough asks for more than chance: a field that never varies is equal to much.
func (r relation) enough(path string, distinct, holds int) bool {
	named := lastName(path) == lastName(r.at) || r.kind == sameList && lastName(r.before) == lastName(r.at)
	switch r.kind {
	case equal, sameList, affixed:
		return distinct >= 2 || named || r.telling
	case member:
		return distinct >= 2 && holds >= 3 && (named || r.telling)
	default:
		return distinct >= 2 && holds >= 3
	}
}

// telling reports whether a value is one that is not equal to others by chance.
func telling(value string) bool {
	return len(value) >= 4 && value != "null" && value != "true" && value != "false"
}

func (r relation) in(path string, e *Example, of fields) bool {
	value := e.own.value[path]
	switch r.kind {
	case equal:
		return of.value[r.at] == value
	case affixed:
		u := of.value[r.at]
		return isText(u) && isText(value) && value[1:len(value)-1] == r.before+u[1:len(u)-1]+r.behind
	case length:
		return fmt.Sprint(lists(of.all)[r.at]) == value
	case member:
		return slices.ContainsFunc(of.all, func(f compare.Field) bool {
			list, rest := listOf(f.Path)
			return list == r.at && rest == r.behind && f.Value == value
		})
	default: // sameList
		return slices.Equal(under(e.own.all, r.before), under(of.all, r.at))
	}
}

// under are the fields below a path, without it.
func under(all []compare.Field, root string) []compare.Field {
	var below []compare.Field
	for _, f := range all {
		if rest, ok := strings.CutPrefix(f.Path, root); ok && strings.HasPrefix(rest, "[") {
			below = append(below, compare.Field{Path: rest, Value: f.Value})
		}
	}
	return below
}

func (r relation) check(path string) string {
	at := r.step + "." + r.at
	switch r.kind {
	case equal:
		return path + " == " + at
	case affixed:
		if r.before != "" {
			at = `"` + r.before + `" + ` + at
		}
		if r.behind != "" {
			at += ` + "` + r.behind + `"`
		}
		return path + " == " + at
	case length:
		return path + " == len(" + at + ")"
	case member:
		return "any(" + at + ", #" + r.behind + " == " + path + ")"
	default:
		return r.before + " == " + at
	}
}

func (r relation) rank(path string) int {
	rank := 10 * int(r.kind)
	if lastName(path) != lastName(r.at) {
		rank += 5
	}
	return rank
}

// lastName is the last name of a path.
func lastName(path string) string {
	path = strings.TrimRight(path, `"]0123456789[`)
	return path[strings.LastIndexAny(path, `."[`)+1:]
}

// Distinct is a field that all examples of one step have and none of another; ""
// where there is none.
func Distinct(of, from []*Example) string {
	for _, f := range of[0].own.all {
		if strings.HasPrefix(f.Path, "body.") && listRoot(f.Path) == f.Path && in(f.Path, of) == len(of) && in(f.Path, from) == 0 {
			return f.Path
		}
	}
	return ""
}

func in(path string, all []*Example) int {
	n := 0
	for _, e := range all {
		if _, ok := e.own.value[path]; ok {
			n++
		}
	}
	return n
}
