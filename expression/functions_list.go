package expression

import (
	"math/bits"
	"slices"

	"github.com/flowcheck/flowcheck/payload"
)

var listFunctions = map[string]*function{
	"first":   {one: func(_ *Frame, a payload.Value) payload.Value { return at(a.List(), 0) }},
	"last":    {one: func(_ *Frame, a payload.Value) payload.Value { return at(a.List(), -1) }},
	"get":     {two: (*Frame).get},
	"take":    {two: take},
	"reverse": {one: reverse},
	"uniq":    {one: uniq},
	"concat":  {many: concat},
	"flatten": {one: flatten},
	"sort":    {one: sort1, two: sortOrdered},
}

func take(_ *Frame, a, b payload.Value) payload.Value {
	n, ok := whole(b)
	if a.Kind() != payload.List || !ok || n < 0 {
		return payload.Value{}
	}
	to := int(min(n, int64(len(a.List()))))
	return payload.OfList(a.List()[:to:to])
}

// fresh is an empty list with room for n items; false where there is none.
func (f *Frame) fresh(n int) ([]payload.Value, bool) {
	if !f.room(n*valueBytes) || !f.work(n) {
		return nil, false
	}
	return make([]payload.Value, 0, n), true
}

func reverse(f *Frame, a payload.Value) payload.Value {
	items, ok := f.fresh(len(a.List()))
	if a.Kind() != payload.List || !ok {
		return payload.Value{}
	}
	items = append(items, a.List()...)
	slices.Reverse(items)
	return payload.OfList(items)
}

func uniq(f *Frame, a payload.Value) payload.Value {
	items, ok := f.fresh(len(a.List()))
	if a.Kind() != payload.List || !ok {
		return payload.Value{}
	}
	seen := make(map[string]bool, len(a.List()))
	for _, item := range a.List() {
		key, ok := f.key(item)
		if !ok {
			return payload.Value{}
		}
		if !seen[key] {
			seen[key] = true
			items = append(items, item)
		}
	}
	return payload.OfList(items)
}

// key is a text that only equal values share, within the budget.
func (f *Frame) key(v payload.Value) (string, bool) {
	key, ok := payload.AppendKeyWithin(nil, v, min(f.bytes, f.steps/4))
	if !ok || !f.room(len(key)) || !f.work(4*len(key)) {
		f.exceed()
		return "", false
	}
	return string(key), true
}

func concat(f *Frame, args []payload.Value) payload.Value {
	n := 0
	for _, arg := range args {
		if arg.Kind() != payload.List {
			return payload.Value{}
		}
		n += len(arg.List())
	}
	items, ok := f.fresh(n)
	if !ok {
		return payload.Value{}
	}
	for _, arg := range args {
		items = append(items, arg.List()...)
	}
	return payload.OfList(items)
}

func flatten(f *Frame, a payload.Value) payload.Value {
	if a.Kind() != payload.List {
		return payload.Value{}
	}
	var items []payload.Value
	if !f.each(a.List(), func(v payload.Value) bool {
		items = append(items, v)
		return f.room(2 * valueBytes)
	}) {
		return payload.Value{}
	}
	return payload.OfList(items)
}

// sorting takes what sorting n items costs from the budget.
func (f *Frame) sorting(n int) bool { return f.work(n * (bits.Len(uint(n)) + 1)) }

func sort1(f *Frame, a payload.Value) payload.Value {
	return sortOrdered(f, a, payload.OfString("asc"))
}

func sortOrdered(f *Frame, a, order payload.Value) payload.Value {
	desc := order.Text() == "desc"
	if a.Kind() != payload.List || !desc && order.Text() != "asc" {
		return payload.Value{}
	}
	return f.sorted(a.List(), a.List(), desc)
}

// sorted puts items in the order of their keys; nil where two keys have none.
// Items with equal keys keep their order.
func (f *Frame) sorted(items, keys []payload.Value, desc bool) payload.Value {
	n := len(items)
	if !f.sorting(n) || !f.room(2*n*valueBytes) {
		return payload.Value{}
	}
	if n > 1 && !allOrdered(keys) {
		return payload.Value{}
	}
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int {
		order, _ := payload.Compare(keys[i], keys[j])
		f.work(len(keys[i].Text()) / 64)
		if desc {
			return -order
		}
		return order
	})
	result := make([]payload.Value, n)
	for i, place := range places {
		result[i] = items[place]
	}
	return payload.OfList(result)
}

// allOrdered reports whether each key has an order with the first.
func allOrdered(keys []payload.Value) bool {
	for _, key := range keys {
		if _, ok := payload.Compare(keys[0], key); !ok {
			return false
		}
	}
	return true
}
