package compare

import (
	"bytes"
	"slices"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/payload"
)

// comparison is one chain against another.
type comparison struct {
	*Comparer
	was, now side
	kinds    []kind // of either, the steps first, in the order of the file
	noise    *Noise
}

// side is a chain taken apart.
type side struct {
	chain   *Chain
	rename  *renamer
	by      map[kind][]*held // in canonical order
	carried map[*held][]field
	take    *splitter
}

func (c *Comparer) begin(was, now *Chain, noise *Noise) *comparison {
	x := &comparison{Comparer: c, noise: noise, was: c.side(was, 0), now: c.side(now, 1)}
	for _, s := range [2]*side{&x.was, &x.now} {
		for k := range s.by {
			if !slices.Contains(x.kinds, k) {
				x.kinds = append(x.kinds, k)
			}
		}
	}
	slices.SortStableFunc(x.kinds, func(a, b kind) int { return compareKinds(a, b) })
	return x
}

// compareKinds puts steps before what is no step.
func compareKinds(a, b kind) int {
	if a.step != b.step && a.step >= 0 && b.step >= 0 {
		return int(a.step) - int(b.step)
	}
	if a.step != b.step {
		return int(b.step) - int(a.step)
	}
	return int(a.channel) - int(b.channel)
}

// side takes the Comparer's room of that number, which the side before it had.
func (c *Comparer) side(chain *Chain, room int) side {
	s := side{chain: chain, rename: &c.renamers[room], by: map[kind][]*held{}, take: &c.take}
	s.rename.reset(c.flow, chain)
	for i := range chain.messages {
		m := &chain.messages[i]
		s.by[m.kind()] = append(s.by[m.kind()], m)
	}
	return s
}

// fields takes a message apart, once.
func (s *side) fields(m *held) []field {
	have, ok := s.carried[m]
	if !ok {
		have = s.take.append(nil, s.chain.set, m)
		if s.carried == nil {
			s.carried = map[*held][]field{}
		}
		s.carried[m] = have
	}
	return have
}

// messages compares the messages of one kind.
func (x *comparison) messages(k kind) []Difference {
	var all []Difference
	pairs, missing, extra := x.align(k)
	for _, p := range pairs {
		if changes := x.changes(k, p[0], p[1]); len(changes) > 0 {
			d := x.difference(Content, k)
			d.Changes, d.Evidence = changes, x.now.evidence(x.flow, p[1])
			all = append(all, d)
		}
	}
	for _, m := range missing {
		d := x.difference(Missing, k)
		d.Was, d.Now, d.Evidence = times(len(x.was.by[k])), times(len(x.now.by[k])), x.was.evidence(x.flow, m)
		all = append(all, d)
	}
	for _, m := range extra {
		d := x.difference(Extra, k)
		d.Was, d.Now, d.Evidence = times(len(x.was.by[k])), times(len(x.now.by[k])), x.now.evidence(x.flow, m)
		all = append(all, d)
	}
	return all
}

func (x *comparison) difference(w What, k kind) Difference {
	step, channel := x.place(k)
	return Difference{What: w, Step: step, Channel: channel}
}

func (s *side) evidence(f *flows.Flow, m *held) []flows.Evidence {
	return []flows.Evidence{{Channel: f.Channels[m.channel].Name, Position: s.chain.set.position(m)}}
}

// align says which message of a kind is which. Of several, those with the same
// content belong together, the rest in their order.
func (x *comparison) align(k kind) (pairs [][2]*held, missing, extra []*held) {
	was, now := x.was.by[k], x.now.by[k]
	if len(was) != 1 || len(now) != 1 {
		alike := map[string][]*held{}
		for _, m := range now {
			key := x.key(&x.now, k, m)
			alike[key] = append(alike[key], m)
		}
		taken := map[*held]bool{}
		was = slices.DeleteFunc(slices.Clone(was), func(m *held) bool {
			key := x.key(&x.was, k, m)
			same := alike[key]
			if len(same) == 0 {
				return false
			}
			pairs = append(pairs, [2]*held{m, same[0]})
			taken[same[0]], alike[key] = true, same[1:]
			return true
		})
		now = slices.DeleteFunc(slices.Clone(now), func(m *held) bool { return taken[m] })
	}
	n := min(len(was), len(now))
	for i := range n {
		pairs = append(pairs, [2]*held{was[i], now[i]})
	}
	return pairs, was[n:], now[n:]
}

// key is the content of a message without noise, ids as what they stand for.
func (x *comparison) key(s *side, k kind, m *held) string {
	var b []byte
	for _, f := range s.fields(m) {
		if x.passes(k, f.path) != "" {
			continue
		}
		b = append(append(b, f.path...), 0)
		b = append(append(b, s.rename.value(f.value)...), 0)
	}
	return string(b)
}

// changes are the fields in which two messages differ.
func (x *comparison) changes(k kind, was, now *held) []Change {
	var all []Change
	x.differing(was, now, func(path string, from, to []byte) {
		if why := x.passes(k, path); why != "" {
			x.ignored[Ignored{Step: x.label(k), Path: path, Why: why}]++
			return
		}
		all = append(all, Change{Path: path, Was: string(from), Now: string(to)})
	})
	return all
}

// alike reports whether two messages have equal fields in the same order, without
// taking them apart.
func (x *comparison) alike(was, now *held) bool {
	if x.was.chain.set.names != x.now.chain.set.names {
		return false
	}
	a, b := x.was.chain.set.fields(was), x.now.chain.set.fields(now)
	for len(a) > 0 && len(b) > 0 {
		var from, to uint32
		var was, now []byte
		from, was, a = cutField(a)
		to, now, b = cutField(b)
		if from != to || !x.equal(was, now) {
			return false
		}
	}
	return len(a) == len(b)
}

// differing calls found for each field that differs; nil is an absent one.
func (x *comparison) differing(was, now *held, found func(path string, from, to []byte)) {
	if x.alike(was, now) {
		return
	}
	a, b := x.was.fields(was), x.now.fields(now)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].path < b[0].path:
			found(a[0].path, a[0].value, nil)
			a = a[1:]
		case len(a) == 0 || b[0].path < a[0].path:
			found(b[0].path, nil, b[0].value)
			b = b[1:]
		default:
			if !x.equal(a[0].value, b[0].value) {
				found(a[0].path, a[0].value, b[0].value)
			}
			a, b = a[1:], b[1:]
		}
	}
}

// equal compares two values: as they are, as JSON has them, or with their ids as
// what they stand for.
func (x *comparison) equal(was, now []byte) bool {
	if bytes.Equal(was, now) || bytes.Equal(x.was.rename.value(was), x.now.rename.value(now)) {
		return true
	}
	if was[0] == now[0] && was[0] == '"' && !bytes.ContainsRune(was, '\\') && !bytes.ContainsRune(now, '\\') {
		return false
	}
	a, errA := payload.Decode(was)
	b, errB := payload.Decode(now)
	return errA == nil && errB == nil && payload.Equal(a, b)
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return payload.Plain(payload.OfInt(int64(n))) + " times"
	}
}
