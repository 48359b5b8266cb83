package dlq

import (
	"fmt"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/replay"
)

// State is what became of a letter that was sent again.
type State string

// The states of a letter.
const (
	Healed  State = "healed"       // what follows its step came, as often as it may
	Parked  State = "parked again" // it is a dead letter once more
	Doubled State = "doubled"      // what follows came more often than it may
	Silent  State = "silent"       // nothing came of it
	Unsent  State = "not sent"     // where it came from, or what it is, is not known
)

// Verdict is what became of one letter.
type Verdict struct {
	Letter *Letter
	State  State
	// Text says it for people, Seen is where.
	Text string
	Seen []flows.Evidence
}

// Retrial sends letters again and watches what comes of them. It is for one
// goroutine.
type Retrial struct {
	flow   *flows.Flow
	teller *flows.Teller
	cases  []*trial
	byID   map[string][]*trial // name and value
	own    map[uint64]int      // messages that the retrial itself sends
}

// trial is one letter under way.
type trial struct {
	letter   *Letter
	step     int
	ids      map[string]string
	siblings int // letters of the same chain, itself included
	parked   []flows.Evidence
	effects  map[int][]flows.Evidence // by step
	why      string                   // it was not sent
}

// NewRetrial prepares letters for being sent.
func NewRetrial(f *flows.Flow, letters []*Letter) *Retrial {
	r := &Retrial{flow: f, teller: f.Teller(), byID: map[string][]*trial{}, own: map[uint64]int{}}
	for _, l := range letters {
		c := &trial{letter: l, step: -1, effects: map[int][]flows.Evidence{}}
		r.cases = append(r.cases, c)
		if !l.Returns {
			c.why = "where it came from is not known"
			continue
		}
		told := r.teller.Tell(&l.Again)
		if c.step, c.ids = told.Step, told.IDs; c.step < 0 || len(c.ids) == 0 {
			c.why = fmt.Sprintf("on %s it would be no step with an id: what comes of it could not be told", l.Origin(f))
			continue
		}
		r.own[(&message.Observation{Message: l.Again.Message, Channel: f.Channels[l.Again.Channel].Name}).Fingerprint()]++
		for name, v := range c.ids {
			r.byID[name+"\x00"+v] = append(r.byID[name+"\x00"+v], c)
		}
	}
	for _, c := range r.cases {
		mates := map[*trial]bool{c: true}
		for name, v := range c.ids {
			for _, m := range r.byID[name+"\x00"+v] {
				if m.step == c.step {
					mates[m] = true
				}
			}
		}
		c.siblings = len(mates)
	}
	return r
}

// Plan is what is sent: one message after the other.
func (r *Retrial) Plan() *replay.Plan {
	p := &replay.Plan{Flow: r.flow, Chains: []replay.Chain{{}}}
	for i, c := range r.cases {
		if c.why == "" {
			p.Shipments = append(p.Shipments, replay.Shipment{Trigger: c.letter.Again, Number: i + 1})
		}
	}
	return p
}

// Take is given each message that the taps see from then on.
func (r *Retrial) Take(o *message.Observation) {
	channel := -1
	for i := range r.flow.Channels {
		if r.flow.Channels[i].Name == o.Channel {
			channel = i
		}
	}
	if channel < 0 {
		return
	}
	if k := o.Fingerprint(); r.own[k] > 0 {
		r.own[k]--
		return
	}
	told := r.teller.Tell(&flows.Trigger{Channel: channel, Message: o.Message})
	seen := flows.Evidence{Channel: o.Channel, Position: o.Position}
	hit := map[*trial]bool{}
	for name, v := range told.IDs {
		for _, c := range r.byID[name+"\x00"+v] {
			hit[c] = true
		}
	}
	for c := range hit {
		switch {
		case r.flow.Channels[channel].DeadLetters != nil:
			c.parked = append(c.parked, seen)
		case told.Step >= 0 && r.follows(told.Step, c.step):
			c.effects[told.Step] = append(c.effects[told.Step], seen)
		}
	}
}

// follows reports whether a step comes after another, at whatever distance.
func (r *Retrial) follows(step, of int) bool {
	for _, a := range r.flow.Steps[step].After {
		if a == of || r.follows(a, of) {
			return true
		}
	}
	return false
}

// Patience is how long the letters may take: the longest deadline of what follows
// them, where nothing has one the flow's timeout.
func (r *Retrial) Patience() time.Duration {
	longest := time.Duration(0)
	for _, c := range r.cases {
		for i := range r.flow.Steps {
			if s := &r.flow.Steps[i]; c.step >= 0 && r.follows(i, c.step) {
				within := s.Within
				if within == 0 {
					within = r.flow.Timeout
				}
				longest = max(longest, within)
			}
		}
	}
	if longest == 0 {
		longest = r.flow.Timeout
	}
	return longest + r.flow.Settle
}

// Done reports whether of each letter that was sent something is known.
func (r *Retrial) Done() bool {
	for _, c := range r.cases {
		if c.why == "" && len(c.parked) == 0 && len(c.effects) == 0 {
			return false
		}
	}
	return true
}

// Verdicts judges every letter, once all has been seen.
func (r *Retrial) Verdicts() []Verdict {
	var all []Verdict
	for _, c := range r.cases {
		all = append(all, r.verdict(c))
	}
	return all
}

func (r *Retrial) verdict(c *trial) Verdict {
	v := Verdict{Letter: c.letter, State: Unsent, Text: c.why}
	if c.why != "" {
		return v
	}
	var came []string
	for i := range r.flow.Steps {
		seen := c.effects[i]
		if len(seen) == 0 {
			continue
		}
		came = append(came, r.flow.Steps[i].Name)
		if most := r.most(i, c); most >= 0 && len(seen) > most {
			v.State, v.Seen = Doubled, seen
			v.Text = fmt.Sprintf("%s came %d times of it, %d may", r.flow.Steps[i].Name, len(seen), most)
		}
	}
	switch {
	case len(c.parked) > 0 && v.State != Doubled:
		v.State, v.Seen, v.Text = Parked, c.parked, "it came back to a dead-letter channel"
	case v.State == Doubled:
	case len(came) > 0:
		v.State, v.Text = Healed, strings.Join(came, ", ")+" came of it"
	case !r.hasFollowers(c.step):
		v.State, v.Text = Healed, "it did not come back, and no step follows it"
	default:
		v.State, v.Text = Silent, fmt.Sprintf("nothing came of it within %v", r.Patience())
	}
	return v
}

func (r *Retrial) hasFollowers(step int) bool {
	for i := range r.flow.Steps {
		if r.follows(i, step) && r.flow.Channels[r.flow.Steps[i].Channel].DeadLetters == nil {
			return true
		}
	}
	return false
}

// most is how often a step may come of the letters of a chain; below 0: any number.
func (r *Retrial) most(step int, c *trial) int {
	s := &r.flow.Steps[step]
	switch {
	case s.Counted && s.Max <= 1: // no bound, or one that an expression gives
		return -1
	case s.Counted:
		return s.Max
	default:
		return c.siblings
	}
}

// Sender sends the letters, one after the other, as fast as the broker takes them.
func (r *Retrial) Sender(publishers map[int]brokers.Publisher, channels []brokers.Channel, now func() time.Time) *replay.Sender {
	return &replay.Sender{Plan: r.Plan(), Publishers: publishers, Channels: channels, Now: now}
}
