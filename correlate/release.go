package correlate

import "slices"

// touch notes that the chain has just grown.
func (e *Engine) touch(n Number) {
	e.book.at(n).touched = e.now
	if e.newest != n {
		e.unlink(n)
		e.append(n)
	}
}

// grow touches a chain that has got a message.
func (e *Engine) grow(n Number) {
	e.touch(n)
	if e.cfg.Grown != nil {
		e.cfg.Grown(n)
	}
}

func (e *Engine) append(n Number) {
	c := e.book.at(n)
	c.prev, c.next = e.newest, 0
	if e.newest != 0 {
		e.book.at(e.newest).next = n
	} else {
		e.oldest = n
	}
	e.newest = n
}

func (e *Engine) unlink(n Number) {
	c := e.book.at(n)
	if c.prev != 0 {
		e.book.at(c.prev).next = c.next
	} else {
		e.oldest = c.next
	}
	if c.next != 0 {
		e.book.at(c.next).prev = c.prev
	} else {
		e.newest = c.prev
	}
	c.prev, c.next = 0, 0
}

// forget lets go of chains that have been quiet for longer than Remember, or
// that are too many.
func (e *Engine) forget() {
	for e.cfg.MaxChains > 0 && e.count > e.cfg.MaxChains {
		e.early = e.now
		e.spare()
		e.release(e.oldest, true)
	}
	if e.cfg.Remember <= 0 {
		return
	}
	for e.oldest != 0 && e.book.at(e.oldest).touched.Add(e.cfg.Remember) < e.now {
		if n := e.oldest; e.release(n, false) {
			e.touch(n)
		}
	}
}

// maxSpared bounds how many chains that are needed are passed over at once.
const maxSpared = 64

// spare takes the chains that are needed still out of the way of one that is not.
func (e *Engine) spare() {
	for i := 0; i < maxSpared && e.cfg.Needed != nil && e.cfg.Needed(e.oldest); i++ {
		e.touch(e.oldest)
	}
}

// remnants reports whether what an id names now may be the rest of a chain that was
// closed early, and would be remembered otherwise.
func (e *Engine) remnants() bool {
	return e.early != Never && (e.cfg.Remember <= 0 || e.now <= e.early.Add(e.cfg.Remember))
}

// release hands the chain on and takes it out of the engine: early, because there are
// too many. It reports whether it is kept instead.
func (e *Engine) release(n Number, early bool) (kept bool) {
	c := &e.done
	e.unpack(n, c)
	if e.cfg.Done != nil && e.cfg.Done(c, early) && !early {
		return true
	}
	c.Number = 0
	for _, id := range c.IDs {
		e.index.remove(canonicalID(id).hash(), n)
	}
	for _, id := range c.Met {
		e.leave(canonicalID(id), n)
	}
	if name := e.names[n]; name != nil {
		name.Number, name.IDs, name.Met = 0, cloneIDs(c.IDs), cloneIDs(c.Met)
		delete(e.names, n)
	}
	e.untie(n)
	e.remove(n)
	return false
}

// remove gives up a chain and its records.
func (e *Engine) remove(n Number) {
	c := e.book.at(n)
	for _, last := range [3]ref{c.ids, c.met, c.entries} {
		e.drop(last)
	}
	if len(e.wide) > 0 {
		delete(e.wide, list{of: n})
		delete(e.wide, list{n, true})
	}
	e.unlink(n)
	e.count--
	e.book.give(n)
}

// leave takes the chain out of a loose id's group; a group without chains goes.
func (e *Engine) leave(k key, n Number) {
	g := e.loose[k]
	if g == nil {
		return
	}
	if g.remove(n); len(g.chains) == 0 {
		delete(e.loose, k)
	}
}

// Tick says what time it is, by arrival, where no message does.
func (e *Engine) Tick(now Instant) {
	e.now = max(e.now, now)
	e.forget()
}

// Shed lets go of up to n chains, those that were quiet longest first, as if
// there were too many. It returns how many went.
func (e *Engine) Shed(n int) int {
	gone := 0
	for ; gone < n && e.oldest != 0; gone++ {
		e.early = max(e.now, e.early)
		e.spare()
		e.release(e.oldest, true)
	}
	if e.store.wasteful() {
		e.compact()
	}
	return gone
}

// Expire lets go of the entries that wait for a chain and of which old says that
// they have waited for long enough, and hands each to yield, in no order.
func (e *Engine) Expire(old func(*Entry) bool, yield func(*Entry)) {
	gone := func(entry Entry) bool { return old(&entry) }
	for k, waiting := range e.waiting {
		if waiting = slices.DeleteFunc(waiting, gone); len(waiting) == 0 {
			delete(e.waiting, k)
		} else {
			e.waiting[k] = waiting
		}
	}
	for k, g := range e.loose {
		if len(g.chains) > 0 {
			continue
		}
		if g.entries = slices.DeleteFunc(g.entries, gone); len(g.entries) == 0 {
			delete(e.loose, k)
		}
	}
	for seq, entry := range e.unplaced {
		if old(entry) {
			delete(e.unplaced, seq)
			yield(entry)
		}
	}
}
