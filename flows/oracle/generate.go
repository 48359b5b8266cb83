package oracle

import (
	"math/bits"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// Wish says what is to be generated.
type Wish struct {
	// Sound: flow and traffic in which nothing is wrong, so that it must pass; and
	// Planted: but for one fault that the flow must notice, and Single: but for one
	// of any kind, which it may or may not notice.
	Sound, Planted, Single bool
	// Hours: there are hours between chains, so that they are forgotten.
	Hours bool
	// Chains is how many chains there are at most.
	Chains int
}

// Case is a flow and what its taps saw.
type Case struct {
	Flow    *Flow
	Run     Run
	Planted Planted
}

// Cases generates flows with their traffic.
func Cases(wish Wish) *rapid.Generator[Case] {
	return rapid.Custom(func(t *rapid.T) Case {
		g := &generator{t: t, wish: wish}
		f := g.flow()
		run := g.traffic(f)
		return Case{f, run, g.planted}
	})
}

// generator draws what it needs. What is drawn shrinks to 0, so that the plain
// case stands first everywhere.
type generator struct {
	t    *rapid.T
	wish Wish

	flowing *Flow
	drafts  []*draft
	serial  int

	planted    Planted
	hole, swap *draft // in whose sequence there is to be one
}

// coin is drawn for all choices: rapid's numbers prefer small ones, which would
// leave out most of what is to be generated.
var coin = rapid.Bool()

// upTo draws a number from 0 to n, each as likely.
func (g *generator) upTo(n int) int {
	if n <= 0 {
		return 0
	}
	for {
		v := 0
		for range bits.Len(uint(n)) {
			v <<= 1
			if coin.Draw(g.t, "") {
				v |= 1
			}
		}
		if v <= n {
			return v
		}
	}
}

func (g *generator) between(low, high int) int { return low + g.upTo(high-low) }

// chance is true in about so many of a hundred cases.
func (g *generator) chance(percent int) bool {
	least := (100 - percent) * 128 / 100
	for bit := 64; bit > 0; bit /= 2 {
		if drawn, want := coin.Draw(g.t, ""), least&bit != 0; drawn != want {
			return drawn
		}
	}
	return true
}

func pick[T any](g *generator, items ...T) T { return items[g.upTo(len(items)-1)] }

// some draws a part of the numbers below n, each with the chance.
func (g *generator) some(n, percent int) []int {
	var all []int
	for i := range n {
		if g.chance(percent) {
			all = append(all, i)
		}
	}
	return all
}

func (g *generator) flow() *Flow {
	f := &Flow{}
	g.flowing = f
	if g.chance(30) {
		f.Timeout = pick(g, 5*time.Second, 60*time.Second)
	}
	if g.chance(25) {
		f.Skew = pick(g, 50*time.Millisecond, time.Millisecond, 500*time.Millisecond)
	}
	if g.chance(20) {
		f.ProducerSkew = pick(g, time.Second, 5*time.Millisecond)
	}
	for range g.between(1, 4) {
		f.Channels = append(f.Channels, g.channel())
	}
	for i := range g.between(1, 3) {
		f.IDs = append(f.IDs, ID{Loose: i > 0 && g.chance(25), Key: i > 0 && !g.wish.Sound && g.chance(10)})
	}
	for range g.between(1, 6) {
		f.Steps = append(f.Steps, g.step())
	}
	g.outcomes()
	for range g.upTo(2) {
		f.Rules = append(f.Rules, g.rule())
	}
	return f
}

func (g *generator) channel() Channel {
	f := g.flowing
	c := Channel{Broker: pick(g, Kafka, Kafka, Kafka, AMQP, SNS)}
	c.Ours, c.Only, c.JSON = g.chance(10), g.chance(15), g.chance(15)
	c.Redeliveries = pick(g, "", "", "", "allow", "same-id")
	c.MessageID = g.chance(25)
	if !g.wish.Sound {
		c.Clock = pick(g, "", "", "", "", "", "", "", "", "seen", "body.at")
	}
	var alike []int
	for i := range f.Channels {
		if f.Channels[i].Broker == c.Broker && c.Broker != SNS && !takesCopies(&f.Channels[i]) {
			alike = append(alike, i)
		}
	}
	if len(alike) == 0 {
		return c
	}
	from := []int{pick(g, alike...)}
	if len(alike) > 1 && g.chance(30) {
		from = alike
	}
	switch kind := g.upTo(9); {
	case kind >= 6:
		c.DeadLetters = from
		c.Copy = pick(g, "", "", "body", "none")
	case kind == 5:
		c.Retries = from
	}
	if g.wish.Sound && takesCopies(&c) {
		c.Redeliveries = ""
	}
	return c
}

// constant is what body.n is in messages that nobody corrupted.
const constant = 2

func (g *generator) step() Step {
	f := g.flowing
	i := len(f.Steps)
	s := Step{Channel: g.upTo(len(f.Channels) - 1), Type: string(rune('a' + i))}
	ch := &f.Channels[s.Channel]
	if takesCopies(ch) {
		origins := append(slices.Clone(ch.DeadLetters), ch.Retries...)
		if !slices.ContainsFunc(f.Steps, func(o Step) bool { return slices.Contains(origins, o.Channel) }) {
			s.Channel, ch = 0, &f.Channels[0]
		}
	}
	if takesCopies(ch) {
		// Copies have the type of what they are copies of.
		s.Type = ""
		for j, o := range f.Steps {
			if slices.Contains(append(slices.Clone(ch.DeadLetters), ch.Retries...), o.Channel) {
				s.Type = o.Type
				if !g.wish.Sound && g.chance(50) {
					break
				}
				s.After = []int{j}
			}
		}
	}
	taken := func(o Step) bool { return o.Channel == s.Channel && o.Type == s.Type }
	if g.wish.Sound && slices.ContainsFunc(f.Steps, taken) {
		s.Channel, s.Type, s.After, ch = 0, string(rune('a'+i)), nil, &f.Channels[0]
	}
	if !g.wish.Sound && g.chance(6) {
		s.Type = ""
	}
	if !g.wish.Sound && g.chance(10) {
		s.AtLeast = g.between(1, 3)
		if i > 0 && g.chance(50) {
			s.Type = f.Steps[i-1].Type
		}
	}
	for _, a := range g.some(i, 40) {
		if len(s.After) < 3 && (len(s.After) == 0 || s.After[0] != a) {
			s.After = append(s.After, a)
		}
	}
	if g.chance(60) {
		s.Within = pick(g, 2*time.Second, time.Second, 5*time.Second, 500*time.Millisecond)
	}
	if g.chance(35) {
		s.Count = g.count(i)
	}
	s.Optional = g.chance(20)
	for g.chance(25) && len(s.Checks) < 2 {
		s.Checks = append(s.Checks, g.check(i, ch))
	}
	return s
}

func (g *generator) count(step int) *Count {
	switch kind := g.upTo(9); {
	case kind < 3:
		n := g.between(1, 3)
		return &Count{Min: n, Max: n}
	case kind < 5:
		low := g.upTo(2)
		return &Count{Min: low, Max: low + g.upTo(2)}
	case kind == 5:
		return &Count{Min: g.upTo(2), Max: -1}
	case step == 0:
		return nil
	}
	c := &Count{Min: 0, Max: -1, Step: g.upTo(step - 1)}
	on := &g.flowing.Steps[c.Step]
	switch {
	case on.Count != nil:
		c.Form = "messages"
	case g.wish.Sound && on.Optional:
		return nil
	default:
		c.Form = pick(g, "field", "lines")
	}
	return c
}

// check draws a check of a step that is to be on the channel, or of an outcome
// where that is nil.
func (g *generator) check(step int, ch *Channel) Check {
	f := g.flowing
	k := constant
	if !g.wish.Sound && g.chance(10) {
		k = g.upTo(3)
	}
	c := Check{Form: OwnIs, K: k}
	if ch != nil {
		c.Form = pick(g, OwnIs, OwnLeast)
		if !g.wish.Sound && (ch.DeadLetters != nil && g.chance(50) || g.chance(3)) {
			return Check{Form: pick(g, Attempts, Rejected), K: k}
		}
		if step == 0 || g.chance(40) {
			return c
		}
	}
	c.Step = g.upTo(step - 1)
	on := &f.Steps[c.Step]
	switch {
	case on.Count == nil && on.Optional:
		c.Form = AbsentOr
		if !g.wish.Sound && g.chance(20) {
			c.Form = StepIs
		}
	case on.Count == nil && ch != nil:
		c.Form = pick(g, SameAs, StepIs)
	case on.Count == nil:
		c.Form = StepIs
	case on.Count.Form == "" && on.Count.Min == on.Count.Max && on.Count.Min > 0 && !on.Optional:
		c.Form = pick(g, LenIs, AllLeast, FirstIs)
		if c.Form == LenIs && g.wish.Sound {
			c.K = on.Count.Min
		}
	default:
		c.Form = AllLeast
		if !g.wish.Sound {
			c.Form = pick(g, AllLeast, LenIs, FirstIs)
		}
	}
	return c
}

func (g *generator) outcomes() {
	f := g.flowing
	if g.chance(45) {
		return
	}
	for range g.between(1, 3) {
		o := Outcome{Steps: g.some(len(f.Steps), 65)}
		if len(o.Steps) == 0 {
			o.Steps = []int{g.upTo(len(f.Steps) - 1)}
		}
		for g.chance(20) && len(o.Checks) < 2 {
			c := g.check(len(f.Steps), nil)
			if c.Form != OwnIs {
				o.Checks = append(o.Checks, c)
			}
		}
		f.Outcomes = append(f.Outcomes, o)
	}
}

func (g *generator) rule() Rule {
	f := g.flowing
	r := Rule{
		Kind: pick(g, "ordered", "ordered", "unique", "never", "every", "latency"), Channel: g.upTo(len(f.Channels) - 1),
	}
	if g.wish.Sound && takesCopies(&f.Channels[r.Channel]) {
		r.Channel = 0 // copies come in no order of their own
	}
	switch r.Kind {
	case "ordered":
		r.Keyed, r.Gapless = !g.chance(30), g.chance(50)
		for _, o := range f.Rules {
			if g.wish.Sound && o.Kind == "ordered" && o.Channel == r.Channel {
				r.Keyed = o.Keyed // a channel has one way of numbering
			}
		}
	case "unique":
		r.Keyed = g.chance(30)
	case "every":
		r.Keyed, r.Within = !g.chance(30), pick(g, 5*time.Second, time.Second, 20*time.Second)
		if g.wish.Sound {
			r.Within = 1000 * time.Hour
		}
	case "latency":
		r.From, r.To = g.upTo(len(f.Steps)-1), g.upTo(len(f.Steps)-1)
		longest := pick(g, time.Second, 3*time.Second, 0)
		if g.wish.Sound || longest == 0 {
			longest = 10 * time.Hour
		}
		r.Limits = append(r.Limits, pick(g, Limit{"p50", 5000, longest}, Limit{"p95", 9500, longest}, Limit{"p99.9", 9990, longest}))
		if g.chance(50) {
			r.Limits = append(r.Limits, Limit{"max", 10000, longest + time.Second})
		}
	}
	return r
}
