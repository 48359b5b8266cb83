package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	ms     = int64(time.Millisecond)
	second = int64(time.Second)
)

// draft is a message before it has a place and is seen.
type draft struct {
	msg    *Message
	chain  int
	step   int // that it was made for; -1 for none
	time   int64
	origin *draft // of a copy
	serial int
	shift  int // places that it is moved in its partition
}

// traffic draws what the taps of a flow saw: chains that follow the flow, and
// what goes wrong with them.
func (g *generator) traffic(f *Flow) Run {
	plan := g.identities(f)
	chains := g.between(1, max(1, g.wish.Chains))
	begin := int64(0)
	for c := range chains {
		g.chain(plan, c, begin)
		begin += pick(g, 500*ms, 0, 3*second, 7*ms, 40*second)
		if g.wish.Hours && g.chance(40) {
			begin += 9000 * second
		}
	}
	if !g.wish.Sound {
		for range g.upTo(4 + chains/3) {
			g.fault()
		}
	}
	switch {
	case g.wish.Planted:
		g.planted = g.plant()
	case g.wish.Single:
		g.planted.Name = g.fault()
	}
	run := Run{Mode: "verify", Started: -10 * second}
	run.Events = g.seen(f)
	if g.wish.Sound {
		run.Events = append(run.Events, Event{End: true, At: last(run.Events) + 3600*second})
		return run
	}
	g.horizon(&run)
	return run
}

// identities draws which ids the messages of each step carry.
func (g *generator) identities(f *Flow) [][]int {
	plan := make([][]int, len(f.Steps))
	for s := range plan {
		plan[s] = g.some(len(f.IDs), 45)
		if g.wish.Sound && !slices.Contains(plan[s], 0) && !slices.ContainsFunc(plan[s], func(i int) bool { return !f.IDs[i].Loose }) {
			plan[s] = append(plan[s], 0)
		}
	}
	if g.wish.Sound && !g.wish.Planted && g.chance(50) {
		return plan // hops, see bind
	}
	if g.wish.Sound || g.chance(70) {
		// The first id is in all, unless a chain of hops ties them.
		for s := range plan {
			if !slices.Contains(plan[s], 0) && (g.wish.Sound || g.chance(80)) {
				plan[s] = append(plan[s], 0)
			}
		}
	}
	return plan
}

// bind gives the first id to all messages of a chain whose own ids do not tie them
// together, from hop to hop.
func (g *generator) bind(chain int, all []*draft) {
	reached := map[int]bool{}
	carries := func(d *draft, have func(i int) bool) bool {
		for i, values := range d.msg.Body.IDs {
			if len(values) > 0 && !g.flowing.IDs[i].Loose && have(i) {
				return true
			}
		}
		return false
	}
	for range all {
		for n, d := range all {
			if n > 0 && !carries(d, func(i int) bool { return reached[i] }) {
				continue
			}
			carries(d, func(i int) bool { reached[i] = true; return false })
		}
	}
	for _, d := range all {
		if carries(d, func(i int) bool { return reached[i] }) {
			continue
		}
		for _, d := range all {
			d.msg.Body.IDs[0] = []string{g.idOf(0, chain)}
		}
		return
	}
}

// idOf is the value of an id in a chain, in one of its spellings.
func (g *generator) idOf(name, chain int) string {
	switch name {
	case 0:
		return fmt.Sprintf("o-%d", chain)
	case 1:
		if chain%2 == 0 {
			return fmt.Sprint(100 + chain)
		}
		return fmt.Sprintf("p-%d", chain)
	default:
		hex := fmt.Sprintf("2f1b7a529f3c4f0e8b370123456789%02x", 0xa0+chain)
		usual := hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
		return pick(g, usual, hex, "urn:uuid:"+usual, "{"+usual+"}", upper(usual))
	}
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'f' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// chain drafts one chain that follows the flow to one of its outcomes.
func (g *generator) chain(plan [][]int, chain int, begin int64) {
	f := g.flowing
	outcomes := f.outcomes()
	outcome := outcomes[g.upTo(len(outcomes)-1)]
	came := make([][]*draft, len(f.Steps))
	for s := range f.Steps {
		step := &f.Steps[s]
		listed := slices.Contains(outcome.Steps, s)
		anywhere := step.Optional && !slices.ContainsFunc(outcomes, func(o Outcome) bool { return slices.Contains(o.Steps, s) })
		if !listed && !anywhere || step.Optional && g.chance(50) {
			continue
		}
		times := g.times(step, came)
		if g.wish.Sound && times > 0 && takesCopies(&f.Channels[step.Channel]) && g.originOf(step, came) == nil {
			return // nothing that it could be a copy of
		}
		for range times {
			came[s] = append(came[s], g.draft(plan, chain, s, g.when(step, came, begin), came))
		}
	}
	all := slices.Concat(came...)
	if g.wish.Sound {
		g.bind(chain, all)
	}
	g.drafts = append(g.drafts, all...)
}

// times is how often a step is to come.
func (g *generator) times(step *Step, came [][]*draft) int {
	c := step.Count
	if c == nil {
		return 1
	}
	switch {
	case c.Form == "messages":
		return len(came[c.Step])
	case c.Form == "":
		if c.Max < 0 {
			return c.Min + g.upTo(2)
		}
		return g.between(c.Min, c.Max)
	case len(came[c.Step]) == 0:
		return g.upTo(1)
	}
	body := &came[c.Step][0].msg.Body
	if c.Form == "lines" {
		return max(body.Lines, 0)
	}
	n, _ := body.Count.(int)
	if yes, ok := body.Count.(bool); ok && yes {
		n = 1
	}
	return n
}

// when draws a time within the step's deadline.
func (g *generator) when(step *Step, came [][]*draft, begin int64) int64 {
	from, limit := begin, int64(step.Within)
	for _, a := range step.After {
		for _, d := range came[a] {
			from = max(from, d.time)
		}
	}
	if limit == 0 {
		limit = 2 * second
	}
	if g.wish.Sound {
		return from + int64(g.upTo(10))*ms + pick(g, 0, limit/4, limit/8)
	}
	return from + pick(g, limit/2, 0, ms, 9*ms, 10*ms, 11*ms, limit/4, limit-ms, limit, limit+ms)
}

// originOf is the message that the copies of a step are of.
func (g *generator) originOf(step *Step, came [][]*draft) *draft {
	ch := &g.flowing.Channels[step.Channel]
	from := append(slices.Clone(ch.DeadLetters), ch.Retries...)
	var all []*draft
	for _, drafts := range came {
		for _, d := range drafts {
			if slices.Contains(from, d.msg.Channel) && (step.Type == "" || d.msg.Body.Type == step.Type) {
				all = append(all, d)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[g.upTo(len(all)-1)]
}

func (g *generator) draft(plan [][]int, chain, s int, at int64, came [][]*draft) *draft {
	f := g.flowing
	step := &f.Steps[s]
	g.serial++
	d := &draft{chain: chain, step: s, time: at, serial: g.serial}
	if origin := g.originOf(step, came); takesCopies(&f.Channels[step.Channel]) && origin != nil {
		m := *origin.msg
		m.Channel, m.MessageID = step.Channel, ""
		d.msg, d.origin = &m, origin
		d.msg.Death = g.death(origin)
		return d
	}
	n := max(constant, step.AtLeast)
	b := Body{
		Type: step.Type, N: &n, Lines: g.upTo(3) - 1, Noise: g.serial, At: None,
		IDs: make([][]string, len(f.IDs)), Listed: make([]bool, len(f.IDs)),
	}
	if g.wish.Sound {
		b.Lines = max(b.Lines, 0)
		b.Count = g.upTo(2)
	} else {
		b.Count = pick[any](g, 1, 2, 0, true, false, 1.0, 1.5, -1, "2", nil)
	}
	for _, i := range plan[s] {
		b.IDs[i] = []string{g.idOf(i, chain)}
		b.Listed[i] = !g.wish.Sound && g.chance(6)
	}
	seq := 0
	b.Seq, b.K, b.U = &seq, pick(g, "x", "y", "z"), fmt.Sprintf("u%d", g.serial)
	b.MID = fmt.Sprintf("m%d", g.serial)
	d.msg = &Message{Channel: step.Channel, Body: b}
	if f.Channels[step.Channel].Broker == Kafka {
		d.msg.HasKey, d.msg.Key = true, fmt.Sprintf("k-%d", chain)
	}
	if g.chance(20) {
		d.msg.MessageID = fmt.Sprintf("id%d", g.serial)
	}
	return d
}

// death draws what the headers of a copy say.
func (g *generator) death(origin *draft) *Death {
	f := g.flowing
	d := &Death{Origin: origin.msg.Channel}
	if d.Origin < 0 {
		return d
	}
	switch f.Channels[origin.msg.Channel].Broker {
	case AMQP:
		d.Dialect, d.Reason, d.Attempts = "x-death", "rejected", g.between(1, 3)
		if g.chance(20) {
			d.Reason, d.Attempts = "expired", 0
		}
	default:
		d.Dialect = pick(g, "x-original", "spring")
		d.Placed = g.chance(70)
		if d.Dialect == "spring" {
			d.Attempts = g.upTo(3)
		}
	}
	if g.chance(10) {
		d = &Death{Origin: d.Origin}
	}
	return d
}

// last is when the last message was seen.
func last(events []Event) int64 {
	t := int64(0)
	for _, e := range events {
		if e.Message != nil {
			t = max(t, e.Message.Seen)
		}
	}
	return t
}

func bySerial(a, b *draft) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.serial, b.serial))
}
