package oracle

import (
	"slices"
)

// fault does something to the drafts that a system may do to its messages.
func (g *generator) fault() {
	if len(g.drafts) == 0 {
		return
	}
	i := g.upTo(len(g.drafts) - 1)
	d := g.drafts[i]
	switch g.upTo(14) {
	case 0:
		g.drafts = slices.Delete(g.drafts, i, i+1)
	case 1:
		g.again(d)
	case 2:
		g.again(d).msg.Body.Noise++
	case 3:
		d.time += pick(g, 700*ms, 3*second, 70*second)
	case 4:
		d.time -= pick(g, 700*ms, 20*ms, 9*second)
	case 5:
		d.shift = pick(g, 1, -1, 2, -2)
	case 6:
		d.msg.Channel = g.upTo(len(g.flowing.Channels)) - 1
	case 7:
		g.corrupt(d)
	case 8, 9:
		g.mixIDs(d)
	case 10:
		again := g.again(d)
		again.msg.Death = g.death(d)
		again.origin = d
	case 11:
		d.msg.MessageID = "id-shared"
		d.msg.Body.MID = "mid-shared"
		g.drafts[g.upTo(len(g.drafts)-1)].msg.MessageID = "id-shared"
		g.drafts[g.upTo(len(g.drafts)-1)].msg.Body.MID = "mid-shared"
	case 12:
		d.msg.Body.U = g.drafts[g.upTo(len(g.drafts)-1)].msg.Body.U
	case 13:
		d.msg.Body.K = pick(g, "x", "y", "")
		if g.chance(40) {
			d.msg.Body.Seq = nil
		}
	case 14:
		if d.msg.HasKey = g.chance(50); d.msg.HasKey {
			d.msg.Key = pick(g, "", "k-1")
		} else {
			d.msg.Key = ""
		}
	}
}

// again drafts a further copy of a message.
func (g *generator) again(d *draft) *draft {
	g.serial++
	m := *d.msg
	copied := &draft{msg: &m, chain: d.chain, step: d.step, time: d.time, origin: d.origin, serial: g.serial}
	if m.Death != nil {
		death := *m.Death
		m.Death = &death
	}
	copied.time += pick(g, 100*ms, 0, ms, 11*ms, 2*second, 46*second)
	if g.chance(20) {
		m.Body.MID = ""
	}
	g.drafts = append(g.drafts, copied)
	return copied
}

func (g *generator) corrupt(d *draft) {
	b := &d.msg.Body
	switch g.upTo(8) {
	case 0:
		n := g.between(-1, 4)
		b.N = &n
	case 1:
		b.N = nil
	case 2:
		b.Broken = true
	case 3:
		b.Type = pick(g, "a", "b", "c", "zz", "")
	case 4:
		b.Tombstone = true
	case 5:
		b.Foreign = true
	case 6:
		b.Lines = g.upTo(4) - 1
	case 7:
		b.Count = pick[any](g, 3, 0, nil, "x")
	case 8:
		n := -1
		b.N = &n
	}
}

// mixIDs changes the ids of a message: takes one away, gives it that of another
// chain, or both as a list.
func (g *generator) mixIDs(d *draft) {
	f := g.flowing
	b := &d.msg.Body
	i := g.upTo(len(f.IDs) - 1)
	b.IDs, b.Listed = slices.Clone(b.IDs), slices.Clone(b.Listed)
	other := g.idOf(i, g.upTo(max(1, g.wish.Chains)-1))
	switch g.upTo(4) {
	case 0:
		b.IDs[i], b.Listed[i] = nil, false
	case 1:
		b.IDs[i], b.Listed[i] = []string{other}, false
	case 2:
		b.IDs[i], b.Listed[i] = append(slices.Clone(b.IDs[i]), other), true
	case 3:
		b.IDs[i], b.Listed[i] = []string{g.idOf(i, d.chain)}, false
	case 4:
		b.IDs[i], b.Listed[i] = []string{""}, false
	}
}
