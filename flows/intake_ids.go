package flows

import (
	"strconv"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/payload"
)

// identify evaluates the ids of the message.
func (in *intake) identify(plan *intakePlan, m *correlate.Message) {
	for i := range plan.ids {
		p := &plan.ids[i]
		v := in.eval(p.expr)
		if v.Kind() == payload.List {
			for _, item := range v.List() {
				if text := idText(item); text != "" {
					m.Listed = appendID(m.Listed, p.name, text)
				}
			}
			continue
		}
		text := idText(v)
		switch {
		case text == "":
		case p.ties:
			m.IDs = append(m.IDs, correlate.ID{Name: p.name, Value: text})
		default:
			m.Loose = append(m.Loose, correlate.ID{Name: p.name, Value: text})
		}
	}
	in.looseLists(m)
}

// looseLists moves listed ids of names that do not tie to the loose ones.
func (in *intake) looseLists(m *correlate.Message) {
	kept := m.Listed[:0]
	for _, id := range m.Listed {
		if in.flow.IDs[id.Name].Ties {
			kept = append(kept, id)
		} else {
			m.Loose = append(m.Loose, id)
		}
	}
	m.Listed = kept
}

func appendID(ids []correlate.ID, name uint16, value string) []correlate.ID {
	for _, have := range ids {
		if have.Name == name && have.Value == value {
			return ids
		}
	}
	return append(ids, correlate.ID{Name: name, Value: value})
}

// idText is an id's value as text, which may share the value's memory; "" for
// what is no id.
func idText(v payload.Value) string {
	switch v.Kind() {
	case payload.String, payload.Number:
		return v.Text()
	case payload.Int:
		return strconv.FormatInt(v.Int(), 10)
	case payload.Float:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	default:
		return ""
	}
}
