package expression

import (
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/payload"
)

var objectFunctions = map[string]*function{
	"len":       {one: length},
	"keys":      {one: perMember(func(m payload.Member) payload.Value { return payload.OfString(m.Name) })},
	"values":    {one: perMember(func(m payload.Member) payload.Value { return m.Value })},
	"toPairs":   {one: perMember(pairOf)},
	"fromPairs": {one: fromPairs},
}

// length is the number of items, of members, or of characters.
func length(f *Frame, v payload.Value) payload.Value {
	switch v.Kind() {
	case payload.List:
		return payload.OfInt(int64(len(v.List())))
	case payload.Object:
		if f.distinct(v) {
			return payload.OfInt(int64(len(v.Distinct())))
		}
	case payload.String:
		if f.work(len(v.Text())/16 + 1) {
			return payload.OfInt(int64(utf8.RuneCountInString(v.Text())))
		}
	default:
	}
	return payload.Value{}
}

// distinct takes from the budget what it costs to look for members of one name.
func (f *Frame) distinct(v payload.Value) bool { return f.work(10 * len(v.Object())) }

// perMember makes a list of an object's members, in the order of the source.
func perMember(of func(payload.Member) payload.Value) func(*Frame, payload.Value) payload.Value {
	return func(f *Frame, v payload.Value) payload.Value {
		items, ok := f.fresh(4 * len(v.Object()))
		if v.Kind() != payload.Object || !ok || !f.distinct(v) {
			return payload.Value{}
		}
		for _, m := range v.Distinct() {
			items = append(items, of(m))
		}
		return payload.OfList(items)
	}
}

func pairOf(m payload.Member) payload.Value {
	return payload.OfList([]payload.Value{payload.OfString(m.Name), m.Value})
}

// fromPairs makes an object of [name, value] pairs.
func fromPairs(f *Frame, v payload.Value) payload.Value {
	pairs := v.List()
	if v.Kind() != payload.List || !f.room(2*len(pairs)*valueBytes) || !f.work(len(pairs)) {
		return payload.Value{}
	}
	members := make([]payload.Member, len(pairs))
	for i, pair := range pairs {
		items := pair.List()
		if len(items) != 2 || items[0].Kind() != payload.String {
			return payload.Value{}
		}
		members[i] = payload.Member{Name: items[0].Text(), Value: items[1]}
	}
	return payload.OfObject(members)
}
