package oracle

import (
	"slices"
)

// fault does something to the drafts that a system may do to its messages, and
// says what; "" where there are none.
func (g *generator) fault() string {
	if len(g.drafts) == 0 {
		return ""
	}
	i := g.upTo(len(g.drafts) - 1)
	faults := []func(*draft) string{
		g.lose, g.double, g.doubleOther, g.delay, g.hasten, g.displace, g.reroute, g.corrupt, g.mixIDs, g.mixIDs,
		g.deadLetter, g.shareMessageID, g.shareUniqueID, g.mixKeys, g.changeKey,
	}
	return faults[g.upTo(len(faults)-1)](g.drafts[i])
}

func (g *generator) lose(d *draft) string {
	g.drafts = slices.DeleteFunc(g.drafts, func(o *draft) bool { return o == d })
	return "drop"
}

func (g *generator) double(d *draft) string {
	g.again(d)
	return "duplicate"
}

func (g *generator) doubleOther(d *draft) string {
	g.again(d).msg.Body.Noise++
	return "duplicate, other content"
}

func (g *generator) delay(d *draft) string {
	d.time += pick(g, 700*ms, 3*second, 70*second)
	return "delay"
}

func (g *generator) hasten(d *draft) string {
	d.time -= pick(g, 700*ms, 20*ms, 9*second)
	return "overtake"
}

func (g *generator) displace(d *draft) string {
	d.shift = pick(g, 1, -1, 2, -2)
	return "swap"
}

func (g *generator) reroute(d *draft) string {
	d.msg.Channel = g.upTo(len(g.flowing.Channels)) - 1
	return "reroute"
}

func (g *generator) deadLetter(d *draft) string {
	again := g.again(d)
	again.msg.Death = g.death(d)
	again.origin = d
	return "dead letter"
}

func (g *generator) shareMessageID(d *draft) string {
	d.msg.MessageID = "id-shared"
	d.msg.Body.MID = "mid-shared"
	g.drafts[g.upTo(len(g.drafts)-1)].msg.MessageID = "id-shared"
	g.drafts[g.upTo(len(g.drafts)-1)].msg.Body.MID = "mid-shared"
	return "message id shared"
}

func (g *generator) shareUniqueID(d *draft) string {
	d.msg.Body.U = g.drafts[g.upTo(len(g.drafts)-1)].msg.Body.U
	return "unique id shared"
}

func (g *generator) mixKeys(d *draft) string {
	d.msg.Body.K = pick(g, "x", "y", "")
	if g.chance(40) {
		d.msg.Body.Seq = nil
	}
	return "sequence mixed"
}

func (g *generator) changeKey(d *draft) string {
	if d.msg.HasKey = g.chance(50); d.msg.HasKey {
		d.msg.Key = pick(g, "", "k-1")
	} else {
		d.msg.Key = ""
	}
	return "key changed"
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

func (g *generator) corrupt(d *draft) string {
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
	return "corrupt"
}

// mixIDs changes the ids of a message: takes one away, gives it that of another
// chain, or both as a list.
func (g *generator) mixIDs(d *draft) string {
	f := g.flowing
	b := &d.msg.Body
	i := g.upTo(len(f.IDs) - 1)
	b.IDs, b.Listed = slices.Clone(b.IDs), slices.Clone(b.Listed)
	other := g.idOf(i, g.upTo(max(1, g.wish.Chains)-1))
	switch g.upTo(4) {
	case 0:
		b.IDs[i], b.Listed[i] = nil, false
		return "id lost"
	case 1:
		b.IDs[i], b.Listed[i] = []string{other}, false
		return "merge"
	case 2:
		b.IDs[i], b.Listed[i] = append(slices.Clone(b.IDs[i]), other), true
		return "list of ids"
	case 3:
		b.IDs[i], b.Listed[i] = []string{g.idOf(i, d.chain)}, false
		return "further id"
	default:
		b.IDs[i], b.Listed[i] = []string{""}, false
		return "id empty"
	}
}
