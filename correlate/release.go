package correlate

// touch notes that the chain has just grown.
func (e *Engine) touch(c *Chain) {
	c.touched = e.now
	if e.newest == c {
		return
	}
	e.unlink(c)
	e.append(c)
}

func (e *Engine) append(c *Chain) {
	c.prev, c.next = e.newest, nil
	if e.newest != nil {
		e.newest.next = c
	} else {
		e.oldest = c
	}
	e.newest = c
}

func (e *Engine) unlink(c *Chain) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		e.oldest = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		e.newest = c.prev
	}
	c.prev, c.next = nil, nil
}

// forget lets go of chains that have been quiet for longer than Remember, or
// that are too many.
func (e *Engine) forget() {
	for e.cfg.MaxChains > 0 && e.count > e.cfg.MaxChains {
		e.early = true
		e.release(e.oldest, true)
	}
	if e.cfg.Remember <= 0 {
		return
	}
	for c := e.oldest; c != nil && c.touched.Add(e.cfg.Remember) < e.now; c = e.oldest {
		e.release(c, false)
	}
}

// release takes the chain out of the engine and hands it on.
func (e *Engine) release(c *Chain, early bool) {
	e.unlink(c)
	e.count--
	for _, id := range c.IDs {
		e.index.remove(canonicalID(id), c)
	}
	for _, id := range c.Met {
		e.leave(canonicalID(id), c)
	}
	if e.cfg.Done != nil {
		e.cfg.Done(c, early)
	}
}

// leave takes the chain out of a loose id's group; a group without chains goes.
func (e *Engine) leave(k key, c *Chain) {
	g := e.loose[k]
	if g == nil {
		return
	}
	kept := g.chains[:0]
	for _, have := range g.chains {
		if have = have.root(); have != c {
			kept = append(kept, have)
		}
	}
	g.chains = kept
	if len(kept) == 0 {
		delete(e.loose, k)
	}
}
