package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/flows"
)

// maxKinds is how many values a field may have that tells sorts of messages
// apart.
const maxKinds = 12

// telling are the names of fields that say what a message is, the likeliest
// first.
var telling = []string{
	"type", "event_type", "eventtype", "event", "ce_type", "messagetype", "message_type", "kind", "task", "command", "action", "status", "state", "name", "subject",
}

// learnSteps makes a step of each sort of message: by a field that says what the
// message is, else of each channel.
func (l *lesson) learnSteps() {
	for _, ch := range l.channels {
		path, values := l.kindOf(ch)
		if path == "" {
			l.draft.steps = append(l.draft.steps, &draftStep{
				name: l.stepName(ch.name), channel: ch.name,
				because: []string{fmt.Sprintf("%d messages; no field says what a message of %s is", len(ch.samples), ch.name)},
			})
			continue
		}
		for _, v := range slices.Sorted(maps.Keys(values)) {
			l.draft.steps = append(l.draft.steps, &draftStep{
				name: l.stepName(kindName(v)), channel: ch.name, when: path + " == " + v,
				because: []string{fmt.Sprintf("%d of the %d messages of %s", values[v], len(ch.samples), ch.name)},
			})
		}
	}
}

// kindOf finds the field that tells sorts of messages apart.
func (l *lesson) kindOf(ch *channel) (path string, values map[string]int) {
	best := len(telling)
	counts := l.kindCounts(ch)
	for _, p := range slices.Sorted(maps.Keys(counts)) {
		n := 0
		for _, k := range counts[p] {
			n += k
		}
		rank := slices.Index(telling, fieldName(p))
		if n < len(ch.samples) || len(counts[p]) > maxKinds || rank >= best || len(counts[p]) > 1 && 2*len(counts[p]) > n {
			continue
		}
		best, path, values = rank, p, counts[p]
	}
	return path, values
}

// kindCounts counts the values of fields whose names say what a message is.
func (l *lesson) kindCounts(ch *channel) map[string]map[string]int {
	counts := map[string]map[string]int{}
	for _, i := range ch.samples {
		for _, f := range l.samples[i].fields {
			if !slices.Contains(telling, fieldName(f.Path)) || len(f.Value) < 3 || f.Value[0] != '"' || len(f.Value) > 80 || strings.Contains(f.Value, `\`) {
				continue
			}
			if counts[f.Path] == nil {
				counts[f.Path] = map[string]int{}
			}
			if len(counts[f.Path]) <= maxKinds {
				counts[f.Path][f.Value]++
			}
		}
	}
	return counts
}

// fieldName is the last name of a path, without case; "" for one within a list.
func fieldName(path string) string {
	if strings.Contains(path, "[0]") || strings.Contains(path, "[1]") {
		return ""
	}
	return strings.ToLower(strings.Trim(path[strings.LastIndexAny(path, `."[`)+1:], `"]`)) + quotedName(path)
}

// quotedName is the name in quotes that ends a path, "" where it ends otherwise.
func quotedName(path string) string {
	if !strings.HasSuffix(path, `"]`) {
		return ""
	}
	parts := strings.Split(path, `"`)
	return strings.ToLower(parts[len(parts)-2])
}

// kindName is a value as the name of a step: without the namespaces before it.
func kindName(value string) string {
	name := strings.Trim(value, `"`)
	if i := strings.LastIndexAny(name, "./:"); i >= 0 && i+1 < len(name) {
		name = name[i+1:]
	}
	return name
}

// stepName makes an identifier that no other step has and that is no word of the
// expressions.
func (l *lesson) stepName(from string) string {
	name := identifier(from)
	for n := 2; l.draft.step(name) != nil || !usable(name); n++ {
		name = identifier(from) + "_" + fmt.Sprint(n)
	}
	return name
}

// identifier keeps letters and digits of a name; capitals in the midst stay.
func identifier(name string) string {
	if name == strings.ToUpper(name) {
		name = strings.ToLower(name)
	}
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0 && unicode.IsLetter(r):
			b.WriteRune(unicode.ToLower(r))
		case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('_')
		}
	}
	name = strings.Trim(b.String(), "_")
	if name == "" {
		return "message"
	}
	if r := []rune(name); len(r) > 60 {
		name = string(r[:60])
	}
	return name
}

// usable reports whether a flow file may have a step of that name.
func usable(name string) bool {
	_, errs := flows.Load("draft", []byte("flowcheck: 1\nflow: f\nbrokers: { b: \"memory://x\" }\nchannels: { c: { broker: b, topic: t } }\ncorrelate: { id: body.id }\nsteps: { "+
		name+": { channel: c } }\n"), flows.Options{Offline: true})
	return len(errs) == 0
}
