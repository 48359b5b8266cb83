package payload

import "strings"

// Clone returns v without memory shared with the message that it was read from,
// so that keeping one field does not keep the whole message.
func Clone(v Value) Value {
	switch v.kind {
	case String:
		return OfString(strings.Clone(v.Text()))
	case Number:
		return OfNumber(strings.Clone(v.Text()))
	case List:
		items := make([]Value, len(v.List()))
		for i, item := range v.List() {
			items[i] = Clone(item)
		}
		return OfList(items)
	case Object:
		members := make([]Member, len(v.Object()))
		for i, m := range v.Object() {
			members[i] = Member{Name: strings.Clone(m.Name), Value: Clone(m.Value)}
		}
		return OfObject(members)
	default:
		return v
	}
}
