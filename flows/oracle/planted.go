package oracle

import (
	"fmt"
	"slices"
)

// Planted is a fault that was put into traffic in which nothing else is wrong,
// and what must be found for it. Kind is "" where no fault could be planted.
type Planted struct {
	Name string
	// Kind, Chain and Step are those of the finding, Rule is its kind of rule.
	Kind, Chain, Step, Rule string
}

// plant draws one fault that the flow must notice, and does it.
func (g *generator) plant() Planted {
	if len(g.drafts) == 0 {
		return Planted{}
	}
	plants := []func(*draft, *Planted) bool{
		g.plantLoss, g.plantDouble, g.plantOtherDouble, g.plantDelay, g.plantOvertaking, g.plantCorruption,
		g.plantStranger, g.plantAlteration, g.plantConflict, g.plantRepeatedID, g.plantNegative, g.plantHole, g.plantSwap,
		g.plantReroute, g.plantMisdirection,
	}
	n, i := g.upTo(len(plants)-1), g.upTo(len(g.drafts)-1)
	for k := range plants {
		for m := range g.drafts {
			d := g.drafts[(i+m)%len(g.drafts)]
			p := Planted{Chain: g.idOf(0, d.chain), Step: g.flowing.StepName(d.step)}
			if plants[(n+k)%len(plants)](d, &p) {
				return p
			}
		}
	}
	return Planted{}
}

// one reports whether each outcome needs as many messages of the draft's step as
// it has, so that one more or less is noticed.
func (g *generator) one(d *draft) bool {
	s := &g.flowing.Steps[d.step]
	return len(g.flowing.outcomes()) == 1 && slices.Contains(g.flowing.outcomes()[0].Steps, d.step) && !s.Optional &&
		(s.Count == nil || s.Count.Form == "" && s.Count.Min == s.Count.Max) && d.msg.Death == nil
}

func (g *generator) of(chain, step int) []*draft {
	var all []*draft
	for _, d := range g.drafts {
		if d.chain == chain && d.step == step {
			all = append(all, d)
		}
	}
	return all
}

// before are the steps before the draft's that came in its chain.
func (g *generator) before(d *draft) []int {
	return slices.DeleteFunc(slices.Clone(g.flowing.Steps[d.step].After), func(a int) bool { return len(g.of(d.chain, a)) == 0 })
}

// missed reports whether the chain says that the draft lacks, if it does: others of
// it are there, and it could not have come before the tap.
func (g *generator) missed(d *draft) bool {
	follows := slices.ContainsFunc(g.flowing.Steps, func(s Step) bool { return slices.Contains(s.After, d.step) })
	alone := !slices.ContainsFunc(g.drafts, func(o *draft) bool { return o.chain == d.chain && o != d })
	if g.wish.Hours && !slices.ContainsFunc(g.drafts, func(o *draft) bool {
		return o.chain == d.chain && o != d && o.origin == nil && g.flowing.Channels[o.msg.Channel].Redeliveries == ""
	}) {
		return false // it may all be forgotten
	}
	return g.one(d) && !alone && (!follows || len(g.before(d)) > 0)
}

func (g *generator) plantReroute(d *draft, p *Planted) bool {
	if !g.missed(d) {
		return false
	}
	d.msg.Channel = -1
	p.Name, p.Kind = "a message goes elsewhere", "missing"
	return true
}

// plantMisdirection gives a message to a chain that has one of its step already.
func (g *generator) plantMisdirection(d *draft, p *Planted) bool {
	if !g.one(d) || d.origin != nil || g.wish.Hours { // that chain may be forgotten
		return false
	}
	for _, o := range g.drafts {
		if o.chain == d.chain || o.step != d.step {
			continue
		}
		ids := make([][]string, len(d.msg.Body.IDs))
		ids[0] = []string{g.idOf(0, o.chain)}
		d.msg.Body.IDs = ids
		p.Name, p.Kind, p.Chain = "a message bears the id of another chain", "duplicate", g.idOf(0, o.chain)
		return true
	}
	return false
}

func (g *generator) plantLoss(d *draft, p *Planted) bool {
	if !g.missed(d) {
		return false
	}
	g.drafts = slices.DeleteFunc(g.drafts, func(o *draft) bool { return o == d })
	p.Name, p.Kind = "a message is lost", "missing"
	return true
}

func (g *generator) plantDouble(d *draft, p *Planted) bool {
	if !g.one(d) || g.flowing.Channels[d.msg.Channel].Redeliveries != "" {
		return false
	}
	g.again(d).msg.Body.MID = d.msg.Body.MID
	p.Name, p.Kind = "a message comes twice", "duplicate"
	return true
}

func (g *generator) plantOtherDouble(d *draft, p *Planted) bool {
	if !g.one(d) {
		return false
	}
	again := g.again(d)
	again.msg.MessageID = ""
	again.msg.Body.Noise += 1000
	again.msg.Body.MID = fmt.Sprintf("m%d", again.serial)
	p.Name, p.Kind = "a message comes twice with other content", "duplicate"
	return true
}

// timed reports whether the drafts of the steps have a broker's time.
func (g *generator) timed(steps ...int) bool {
	return !slices.ContainsFunc(steps, func(s int) bool {
		ch := &g.flowing.Channels[g.flowing.Steps[s].Channel]
		return ch.Broker == AMQP || ch.Clock != ""
	})
}

func (g *generator) plantDelay(d *draft, p *Planted) bool {
	s, before := &g.flowing.Steps[d.step], g.before(d)
	if s.Within == 0 || len(before) == 0 && len(s.After) > 0 || d.msg.Death != nil || !g.timed(append(before, d.step)...) {
		return false
	}
	if len(s.After) == 0 { // its deadline counts from the chain's first message
		return false
	}
	d.time += int64(s.Within) + second
	p.Name, p.Kind = "a message comes late", "late"
	return true
}

func (g *generator) plantOvertaking(d *draft, p *Planted) bool {
	before := g.before(d)
	if len(before) == 0 || d.msg.Death != nil || !g.timed(append(before, d.step)...) {
		return false
	}
	last := int64(None)
	for _, o := range g.of(d.chain, before[0]) {
		last = max(last, o.time)
	}
	d.time = last - 2*second - g.flowing.skew() - g.flowing.producerSkew()
	p.Name, p.Kind = "a message comes before one it must follow", "out-of-order"
	return true
}

func (g *generator) plantCorruption(d *draft, p *Planted) bool {
	if !slices.ContainsFunc(g.flowing.Steps[d.step].Checks, func(c Check) bool { return c.Form == OwnIs }) || d.msg.Death != nil {
		return false
	}
	n := 99
	d.msg.Body.N = &n
	p.Name, p.Kind = "a message has a wrong value", "mismatch"
	return true
}

func (g *generator) plantStranger(d *draft, p *Planted) bool {
	ch := &g.flowing.Channels[d.msg.Channel]
	anything := slices.ContainsFunc(g.flowing.Steps, func(s Step) bool { return s.Channel == d.msg.Channel && s.Type == "" })
	if !ch.Only && ch.DeadLetters == nil || anything {
		return false
	}
	stranger := g.again(d)
	stranger.msg.Body.Type = "zz"
	p.Name, p.Kind, p.Step = "a message that is no step", "unexpected", ""
	if ch.DeadLetters != nil {
		p.Kind = "dead-lettered"
	}
	return true
}

func (g *generator) plantAlteration(d *draft, p *Planted) bool {
	ch := &g.flowing.Channels[d.msg.Channel]
	if len(ch.DeadLetters) != 1 || ch.Copy == "none" || d.origin == nil {
		return false
	}
	d.msg.Body.Noise += 1000
	p.Name, p.Kind = "a dead letter is altered", "altered"
	return true
}

func (g *generator) plantConflict(d *draft, p *Planted) bool {
	ch := &g.flowing.Channels[d.msg.Channel]
	if ch.Redeliveries == "same-id" || d.msg.Death != nil || takesCopies(ch) {
		return false
	}
	other := g.again(d)
	other.msg.Body.Noise += 1000
	d.msg.MessageID, other.msg.MessageID = "id-shared", "id-shared"
	other.msg.Body.MID = d.msg.Body.MID
	p.Name, p.Kind = "a message id has two contents", "conflict"
	return true
}

// ruled reports whether the draft's channel has a rule of the kind.
func (g *generator) ruled(d *draft, kind string) bool {
	p := slices.ContainsFunc(g.flowing.Rules, func(r Rule) bool { return r.Kind == kind && r.Channel == d.msg.Channel })
	return p && d.msg.Death == nil
}

func (g *generator) plantRepeatedID(d *draft, p *Planted) bool {
	if !g.ruled(d, "unique") || g.wish.Hours {
		return false
	}
	for _, o := range g.drafts {
		if o != d && o.msg.Channel == d.msg.Channel && o.msg.Body.K == d.msg.Body.K {
			o.msg.Body.U = d.msg.Body.U
			*p = Planted{Name: "a unique id comes twice", Kind: "duplicate", Rule: "unique"}
			return true
		}
	}
	return false
}

func (g *generator) plantNegative(d *draft, p *Planted) bool {
	if !g.ruled(d, "never") {
		return false
	}
	n := -1
	d.msg.Body.N = &n
	*p = Planted{Name: "what must never come", Kind: "forbidden", Rule: "never"}
	return true
}

func (g *generator) plantHole(d *draft, p *Planted) bool {
	gapless := slices.ContainsFunc(g.flowing.Rules, func(r Rule) bool {
		return r.Kind == "ordered" && r.Channel == d.msg.Channel && r.Gapless
	})
	if !gapless || d.msg.Death != nil {
		return false
	}
	g.hole = d
	*p = Planted{Name: "a value of a sequence is lost", Kind: "gap", Rule: "ordered"}
	return true
}

func (g *generator) plantSwap(d *draft, p *Planted) bool {
	if !g.ruled(d, "ordered") || g.flowing.Channels[d.msg.Channel].Broker == SNS {
		return false
	}
	g.swap = d
	*p = Planted{Name: "two values of a sequence are swapped", Kind: "out-of-order", Rule: "ordered"}
	return true
}

// sequencePlants does what can be done once the sequences are numbered. It takes
// the plant back where the sequence is too short.
func (g *generator) sequencePlants() {
	later := func(d *draft) []*draft {
		return slices.DeleteFunc(slices.Clone(g.drafts), func(o *draft) bool {
			return o.msg.Channel != d.msg.Channel || o.msg.Body.K != d.msg.Body.K || o.msg.Body.Seq == nil || *o.msg.Body.Seq <= *d.msg.Body.Seq
		})
	}
	if d := g.hole; d != nil {
		if *d.msg.Body.Seq == 1 || len(later(d)) == 0 {
			g.planted = Planted{}
			return
		}
		*d.msg.Body.Seq = 1 // its own value never comes
	}
	if d := g.swap; d != nil {
		after := later(d)
		if len(after) == 0 {
			g.planted = Planted{}
			return
		}
		a, b := d.msg.Body.Seq, after[0].msg.Body.Seq
		*a, *b = *b, *a
	}
}
