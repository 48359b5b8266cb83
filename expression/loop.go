package expression

import (
	"github.com/flowcheck/flowcheck/payload"
)

// iteration is the compiled form of a loop: its list, and its predicate, which
// reads the item and its index from locals.
type iteration struct {
	items       func(*Frame) ([]payload.Value, bool)
	test        func(*Frame) bool
	value       func(*Frame) payload.Value
	item, index int
	cost        int
}

func (c *compiler) iteration(n *loop) iteration {
	it := iteration{items: c.items(n.over), item: n.item, index: n.index, cost: 1}
	body := n.body
	if body == nil {
		body = &local{slot: n.item}
	}
	it.test, it.value = c.test(body), c.value(body)
	it.cost = 1 + weight(body)/4
	return it
}

// at makes the ith item the current one; false where the budget is used up.
func (it *iteration) at(f *Frame, items []payload.Value, i int) bool {
	f.locals[it.item] = items[i]
	if it.index >= 0 {
		f.locals[it.index] = payload.OfInt(int64(i))
	}
	return f.work(it.cost)
}

func (c *compiler) loop(n *loop) func(*Frame) payload.Value {
	it := c.iteration(n)
	switch n.op {
	case "all", "none", "any":
		return it.quantifier(n.op)
	case "find", "findIndex", "findLast", "findLastIndex":
		return it.finder(n.op)
	case "one", "count":
		return it.counter(n.op == "one")
	case "sum":
		return it.sum
	case "groupBy":
		return it.groupBy
	case "sortBy":
		return func(f *Frame) payload.Value { return it.sortBy(f, n.desc) }
	}
	made := c.loopItems(n) // filter and map
	return func(f *Frame) payload.Value {
		items, ok := made(f)
		if !ok {
			return payload.Value{}
		}
		return payload.OfList(items)
	}
}

// quantifier is all, none or any: whether an item decides it, and how.
func (it *iteration) quantifier(op string) func(*Frame) payload.Value {
	decisive, outcome := op != "all", op == "any"
	return func(f *Frame) payload.Value {
		items, ok := it.items(f)
		if !ok {
			return payload.Value{}
		}
		for i := range items {
			if !it.at(f, items, i) {
				return payload.Value{}
			}
			if it.test(f) == decisive {
				return payload.OfBool(outcome)
			}
		}
		return payload.OfBool(!outcome)
	}
}

func (it *iteration) finder(op string) func(*Frame) payload.Value {
	wantIndex := op == "findIndex" || op == "findLastIndex"
	backwards := op == "findLast" || op == "findLastIndex"
	return func(f *Frame) payload.Value {
		items, _ := it.items(f)
		for n := range items {
			i := n
			if backwards {
				i = len(items) - 1 - n
			}
			if !it.at(f, items, i) {
				break
			}
			if !it.test(f) {
				continue
			}
			if wantIndex {
				return payload.OfInt(int64(i))
			}
			return items[i]
		}
		return payload.Value{}
	}
}

// counter is count, or one: whether the count is 1.
func (it *iteration) counter(one bool) func(*Frame) payload.Value {
	return func(f *Frame) payload.Value {
		items, ok := it.items(f)
		if !ok {
			return payload.Value{}
		}
		count := 0
		for i := range items {
			if !it.at(f, items, i) {
				return payload.Value{}
			}
			if it.test(f) {
				count++
			}
		}
		if one {
			return payload.OfBool(count == 1)
		}
		return payload.OfInt(int64(count))
	}
}

// sum adds numbers or durations.
func (it *iteration) sum(f *Frame) payload.Value {
	items, ok := it.items(f)
	if !ok {
		return payload.Value{}
	}
	total := payload.OfInt(0)
	for i := range items {
		if !it.at(f, items, i) {
			return payload.Value{}
		}
		v := it.value(f)
		if i == 0 && v.Kind() == payload.Duration {
			total = v
			continue
		}
		if !isNumber(v) && v.Kind() != payload.Duration {
			return payload.Value{}
		}
		total = f.add(total, v)
	}
	return total
}

// groupBy makes an object of lists. A group's name is its key as text.
func (it *iteration) groupBy(f *Frame) payload.Value {
	items, ok := it.items(f)
	if !ok {
		return payload.Value{}
	}
	places := make(map[string]int)
	var names []string
	var groups [][]payload.Value
	for i := range items {
		if !it.at(f, items, i) || !f.room(2*valueBytes) || !f.work(10) {
			return payload.Value{}
		}
		name, ok := f.plain(it.value(f))
		if !ok {
			return payload.Value{}
		}
		place, ok := places[name]
		if !ok {
			place = len(groups)
			places[name] = place
			names, groups = append(names, name), append(groups, nil)
		}
		groups[place] = append(groups[place], items[i])
	}
	members := make([]payload.Member, len(groups))
	for i := range groups {
		members[i] = payload.Member{Name: names[i], Value: payload.OfList(groups[i])}
	}
	return payload.OfObject(members)
}

func (it *iteration) sortBy(f *Frame, desc bool) payload.Value {
	items, ok := it.items(f)
	keys, ok2 := f.fresh(len(items))
	if !ok || !ok2 {
		return payload.Value{}
	}
	for i := range items {
		if !it.at(f, items, i) {
			return payload.Value{}
		}
		keys = append(keys, it.value(f))
	}
	return f.sorted(items, keys, desc)
}

// loopItems is filter or map.
func (c *compiler) loopItems(n *loop) func(*Frame) ([]payload.Value, bool) {
	it, keep := c.iteration(n), n.op == "filter"
	return func(f *Frame) ([]payload.Value, bool) {
		items, ok := it.items(f)
		if !ok || !f.room(len(items)*valueBytes) {
			return nil, false
		}
		made := make([]payload.Value, 0, len(items))
		for i := range items {
			if !it.at(f, items, i) {
				return nil, false
			}
			switch {
			case !keep:
				made = append(made, it.value(f))
			case it.test(f):
				made = append(made, items[i])
			}
		}
		return made, true
	}
}
