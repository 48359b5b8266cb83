package learn

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

// column is one field of one channel's messages.
type column struct {
	channel  int
	path     string
	messages int            // that have it
	values   map[string]int // as text, and how often
}

// unique reports whether the value tells the channel's messages apart: one in
// fifty may be a double.
func (c *column) unique() bool { return 50*(c.messages-len(c.values)) <= c.messages }

// maxColumns bounds the fields of a channel that are looked at.
const maxColumns = 200

// columns are the fields that may be ids: texts, and whole numbers that look
// like numbers of something.
func (l *lesson) columns() []*column {
	var all []*column
	for at, ch := range l.channels {
		by := map[string]*column{}
		for _, i := range ch.samples {
			for _, f := range l.samples[i].fields {
				text, ok := idText(f.Path, f.Value)
				if !ok {
					continue
				}
				c := by[f.Path]
				if c == nil {
					if len(by) >= maxColumns {
						continue
					}
					c = &column{channel: at, path: f.Path, values: map[string]int{}}
					by[f.Path] = c
					all = append(all, c)
				}
				c.messages++
				c.values[text]++
			}
		}
	}
	return all
}

// idText is a value that may be an id.
func idText(path, value string) (string, bool) {
	if strings.HasPrefix(path, "death.") || strings.Contains(path, "[0]") || strings.Contains(path, "[1]") || path == "text" {
		return "", false
	}
	if len(value) >= 2 && value[0] == '"' {
		text := value[1 : len(value)-1]
		return text, len(text) >= 2 && len(text) <= 128 && !strings.Contains(text, " ")
	}
	n := payload.ParseNumber(value)
	named := strings.HasSuffix(strings.ToLower(path), "id") || strings.HasSuffix(strings.ToLower(path), "number") || strings.HasSuffix(strings.ToLower(path), "no")
	return value, n.Kind() == payload.Int && n.Int() > 0 && (named || len(value) >= 5)
}

// tie is a set of columns that have values in common.
type tie struct {
	columns  []*column
	channels int
	shared   int // values that are in two channels or more
}

// learnIDs finds what ties messages: fields of several channels with the same
// values, which tell the messages of one of them apart.
func (l *lesson) learnIDs() error {
	ties := l.ties()
	covered := map[int]bool{}
	for len(ties) > 0 {
		slices.SortStableFunc(ties, func(a, b *tie) int {
			return cmp.Or(cmp.Compare(l.adds(b, covered), l.adds(a, covered)), cmp.Compare(b.named(), a.named()), cmp.Compare(b.shared, a.shared), cmp.Compare(a.columns[0].path, b.columns[0].path))
		})
		t := ties[0]
		ties = ties[1:]
		if l.adds(t, covered) < 1 || len(l.draft.ids) > 0 && !t.touches(covered) {
			continue
		}
		for _, c := range t.columns {
			covered[c.channel] = true
		}
		l.draft.ids = append(l.draft.ids, l.id(t))
	}
	if len(l.draft.ids) == 0 {
		return l.lone()
	}
	for at, ch := range l.channels {
		if !covered[at] {
			l.draft.notes = append(l.draft.notes, "No field of "+ch.name+" has values of another channel: its messages are in no chain. If a header or a part of a text ties them, write it under correlate.")
		}
	}
	return nil
}

// adds is how many channels a tie would bring in.
func (l *lesson) adds(t *tie, covered map[int]bool) int {
	n := 0
	for _, c := range t.columns {
		if !covered[c.channel] {
			n++
		}
	}
	return n
}

// named is 1 where the field that tells messages apart is called an id.
func (t *tie) named() int {
	if strings.HasSuffix(strings.ToLower(strings.Trim(t.columns[0].path, `"]`)), "id") {
		return 1
	}
	return 0
}

func (t *tie) touches(covered map[int]bool) bool {
	return slices.ContainsFunc(t.columns, func(c *column) bool { return covered[c.channel] })
}

// ties groups columns about those that tell messages apart: from each, the column
// of every other channel that has most values in common with it.
func (l *lesson) ties() []*tie {
	columns := l.columns()
	var all []*tie
	for _, main := range columns {
		if !main.unique() || len(main.values) < 2 {
			continue
		}
		t := &tie{columns: []*column{main}, channels: 1}
		for at := range l.channels {
			if at == main.channel {
				continue
			}
			if best, n := like(main, columns, at); best != nil {
				t.columns = append(t.columns, best)
				t.shared += n
				t.channels++
			}
		}
		if t.channels > 1 {
			all = append(all, t)
		}
	}
	return all
}

// like is the column of a channel whose values are most of them main's.
func like(main *column, all []*column, channel int) (best *column, shared int) {
	for _, c := range all {
		if c.channel != channel {
			continue
		}
		n := 0
		for v := range c.values {
			if main.values[v] > 0 {
				n++
			}
		}
		// A value that is in all messages of the channel ties nothing.
		if 2*n < len(c.values) || n < 1 || len(c.values) < 2 && c.messages > 3 {
			continue
		}
		if n > shared || n == shared && best != nil && c.path == main.path {
			best, shared = c, n
		}
	}
	return best, shared
}

// id writes a tie as an entry of correlate.
func (l *lesson) id(t *tie) draftID {
	main := t.columns[0]
	id := draftID{name: l.idName(main), because: fmt.Sprintf("%s tells the %d messages of %s apart", main.path, main.messages, l.channels[main.channel].name)}
	var paths, byChannel []string
	for _, c := range t.columns {
		name := l.channels[c.channel].name
		if c != main {
			id.because += fmt.Sprintf("; %d of %d values of %s are on %s, as %s", overlap(main, c), len(c.values), main.path, name, c.path)
		}
		if strings.HasPrefix(c.path, "body.") {
			if !slices.Contains(paths, c.path) {
				paths = append(paths, c.path)
			}
			continue
		}
		byChannel = append(byChannel, fmt.Sprintf("channel == %q ? %s : ", name, c.path))
	}
	rest := strings.Join(paths, " ?? ")
	if rest == "" {
		rest = "nil"
	}
	if len(byChannel) > 0 {
		rest = strings.Join(byChannel, "(") + "(" + rest + ")" + strings.Repeat(")", len(byChannel)-1)
	}
	id.expr = rest
	return id
}

func overlap(a, b *column) int {
	n := 0
	for v := range b.values {
		if a.values[v] > 0 {
			n++
		}
	}
	return n
}

// idName is a name for an id, after its field.
func (l *lesson) idName(c *column) string {
	name := c.path[strings.LastIndexAny(c.path, `."`)+1:]
	if c.path != "" && strings.HasSuffix(c.path, `"]`) {
		parts := strings.Split(c.path, `"`)
		name = parts[len(parts)-2]
	}
	for _, suffix := range []string{"_id", "-id", "Id", "ID"} {
		if rest, ok := strings.CutSuffix(name, suffix); ok && rest != "" {
			name = rest
			break
		}
	}
	name = identifier(name)
	if slices.ContainsFunc(l.draft.ids, func(id draftID) bool { return id.name == name }) {
		name += fmt.Sprint(len(l.draft.ids) + 1)
	}
	return name
}

// lone takes the likeliest id where only one channel was seen.
func (l *lesson) lone() error {
	for _, c := range l.columns() {
		if c.unique() && strings.HasPrefix(c.path, "body.") {
			l.draft.ids = append(l.draft.ids, draftID{
				name: l.idName(c), expr: c.path,
				because: c.path + " tells the messages of " + l.channels[c.channel].name + " apart; nothing ties them to another channel",
			})
			return nil
		}
	}
	return errors.Join(ErrNothing, errors.New("no field tells messages apart and has the same values on another channel: there is nothing to tie them by"))
}
