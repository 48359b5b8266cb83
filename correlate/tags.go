package correlate

// Tag stands for a chain, whatever becomes of it, as Engine.Name does, but without
// anything for the garbage collector: so it is to be given back. 0 is none.
type Tag uint32

// tag is what an engine keeps of one.
type tag struct {
	state tagState
	uses  uint32
	// at is the Number of a chain that is kept, or the Tag of the one that it has
	// become part of. Of one that is no more the records of its ids are left: at is
	// the last of them, met the last of the loose ones.
	at, met uint32
}

type tagState uint8

const (
	tagKept tagState = iota
	tagMerged
	tagGone
)

// tags has them by number, and those of the chains that are kept.
type tags struct {
	all  []tag // the first is none
	free []Tag
	of   []Tag // by chain, as far as there are any
}

// tagOf is the tag of a chain that is kept, 0 where nobody has asked for one.
func (e *Engine) tagOf(n Number) Tag {
	if int(n) >= len(e.tags.of) {
		return 0
	}
	return e.tags.of[n]
}

// Tag returns the tag of a chain that is kept. Each is to be given back by Untag.
func (e *Engine) Tag(n Number) Tag {
	all := &e.tags
	t := e.tagOf(n)
	if t == 0 {
		t = all.take(tag{state: tagKept, at: uint32(n)})
		if more := int(n) + 1 - len(all.of); more > 0 {
			all.of = append(all.of, make([]Tag, more)...)
		}
		all.of[n] = t
	}
	all.all[t].uses++
	return t
}

func (a *tags) take(t tag) Tag {
	if last := len(a.free) - 1; last >= 0 {
		n := a.free[last]
		a.free = a.free[:last]
		a.all[n] = t
		return n
	}
	if len(a.all) == 0 {
		a.all = append(a.all, tag{})
	}
	a.all = append(a.all, t)
	return Tag(len(a.all) - 1)
}

// Untag gives a tag back.
func (e *Engine) Untag(t Tag) {
	for t != 0 {
		have := &e.tags.all[t]
		if have.uses--; have.uses > 0 {
			return
		}
		into := Tag(0)
		switch have.state {
		case tagKept:
			e.tags.of[have.at] = 0
		case tagMerged:
			into = Tag(have.at)
		case tagGone:
			e.drop(ref(have.at))
			e.drop(ref(have.met))
		}
		*have = tag{}
		e.tags.free = append(e.tags.free, t)
		t = into
	}
}

// Tagged names the chain of a tag, as Name does.
func (e *Engine) Tagged(t Tag) *Chain {
	have := e.tags.all[t]
	for have.state == tagMerged {
		have = e.tags.all[have.at]
	}
	if have.state == tagKept {
		return e.Name(Number(have.at))
	}
	return &Chain{IDs: cloneIDs(e.idsOf(nil, ref(have.at))), Met: cloneIDs(e.idsOf(nil, ref(have.met)))}
}

// retag notes that a chain is about to become part of another.
func (e *Engine) retag(into, gone Number) {
	t := e.tagOf(gone)
	if t == 0 {
		return
	}
	e.tags.of[gone] = 0
	if e.tagOf(into) == 0 {
		e.tags.all[t].at = uint32(into)
		e.tags.of = append(e.tags.of, make([]Tag, max(0, int(into)+1-len(e.tags.of)))...)
		e.tags.of[into] = t
		return
	}
	to := e.Tag(into)
	have := &e.tags.all[t]
	have.state, have.at = tagMerged, uint32(to)
}

// untie leaves the ids of a chain that is let go of to its tag.
func (e *Engine) untie(n Number) {
	t := e.tagOf(n)
	if t == 0 {
		return
	}
	e.tags.of[n] = 0
	c, have := e.book.at(n), &e.tags.all[t]
	have.state, have.at, have.met = tagGone, uint32(c.ids), uint32(c.met)
	c.ids, c.met = 0, 0
}

// drop gives up the records that end with last.
func (e *Engine) drop(last ref) {
	for r := last; r != 0; {
		r = e.store.remove(r)
	}
}
