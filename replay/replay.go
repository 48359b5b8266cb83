// Package replay prepares the triggers of a recording for being sent again, and
// sends them: faithfully, in order within each key, and none of them twice.
//
//	recording → Planner → Plan ── Rewrite (ids, times) ──→ Sender → brokers
//	                                                         ↕
//	                                                       State (file)
//
// What comes of them is not its business: scenarios.Drill waits for it, flows
// judges it, and compare holds it against the recording.
package replay

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// The headers that mark what a replay sends: the run, and where the recording
// had the message.
const (
	HeaderRun    = "flowcheck-replay"
	HeaderOrigin = "flowcheck-origin"
)

// Shipment is one message to be sent.
type Shipment struct {
	flows.Trigger
	// Number is its place among the messages of the recording, from 1.
	Number int
	// Chain is the index in Plan.Chains, Alone for a message of no chain, such as one
	// that nobody can read.
	Chain int
	// At is when the recording had it, not before the one ahead of it in its
	// partition or queue.
	At time.Time
	// Lane is equal for messages whose order has to be kept.
	Lane uint64
	// Mid says that it was sent in the middle of a chain, to see what comes of it.
	Mid bool
	// Of a message of no chain: key and payload as they were recorded, and its ids.
	Was       message.Message
	Rewritten []Rewritten
}

// Rewritten is an id that was given another value.
type Rewritten struct{ Old, Fresh string }

// Alone is the Chain of a message that is of none.
const Alone = -1

// Chain is a chain of the recording that is set off again.
type Chain struct {
	// Name is its name in the recording; IDs are all ids that it has there, and
	// those that tie it.
	Name string
	IDs  []string
	// Known are the ids that the messages to be sent have, by name.
	Known map[string]string
}

// Plan is what is sent, in its order.
type Plan struct {
	Flow      *flows.Flow
	Shipments []Shipment
	Chains    []Chain
	// Heals are called between the messages, by At.
	Heals []Heal
	// Begun are chains of the recording without a trigger: they began before it.
	Begun int
	// Alone counts the messages of no chain.
	Alone int
}

// Heal is the call of a scenario's heal.
type Heal struct {
	At       time.Time // in the recording
	Scenario *flows.Scenario
	ID       string // the fresh id of the scenario's instance
	Case     flows.Case
}

// Planner chooses the messages to be sent: Judged is given the chains of the
// recording, then Take its messages once more.
type Planner struct {
	flow  *flows.Flow
	steps map[int]bool
	// outside are the channels, by index, on which nothing but what begins a chain
	// comes: all of it is sent.
	outside map[int]bool
	teller  *flows.Teller
	extras  map[sentKey]int // see Marked
	replays map[string]*message.Mark
	mid     map[int]bool // the numbers of extras
	seen    map[place]int64
	plan    Plan
	wants   map[int]int // the chain of a message, by its number
	read    int
	last    map[string]time.Time // by partition or queue
}

// NewPlanner sends the steps that are named; none are those that follow none.
func NewPlanner(f *flows.Flow, steps []string) (*Planner, error) {
	p := &Planner{
		flow: f, steps: map[int]bool{}, outside: map[int]bool{}, teller: f.Teller(), extras: map[sentKey]int{}, replays: map[string]*message.Mark{}, mid: map[int]bool{}, seen: map[place]int64{},
		plan: Plan{Flow: f}, wants: map[int]int{}, last: map[string]time.Time{},
	}
	for _, name := range steps {
		i := slices.IndexFunc(f.Steps, func(s flows.Step) bool { return s.Name == name })
		if i < 0 {
			var all []string
			for i := range f.Steps {
				all = append(all, f.Steps[i].Name)
			}
			return nil, fmt.Errorf("there is no step %s; there are %s", name, strings.Join(all, ", "))
		}
		p.steps[i] = true
	}
	if len(steps) == 0 {
		p.begin()
		p.findOutside()
	}
	return p, nil
}

// begin chooses the steps that begin a chain: they follow none, and where the
// flow has scenarios, those send to their channels.
func (p *Planner) begin() {
	f := p.flow
	var sends []string
	for i := range f.Brokers {
		sends = append(sends, f.SendsTo(i)...)
	}
	for i := range f.Steps {
		s := &f.Steps[i]
		ch := &f.Channels[s.Channel]
		if len(s.After) > 0 || s.Within > 0 || ch.DeadLetters != nil || len(ch.Retries) > 0 {
			continue
		}
		if len(sends) == 0 || slices.Contains(sends, ch.Name) {
			p.steps[i] = true
		}
	}
}

// Steps are the steps that are sent, and those that come of them, by index; nil
// where that is the whole flow.
func (p *Planner) Steps() map[int]bool {
	part := map[int]bool{}
	for i := range p.steps {
		part[i] = true
	}
	for grown := true; grown; {
		grown = false
		for i := range p.flow.Steps {
			for _, a := range p.flow.Steps[i].After {
				if part[a] && !part[i] {
					part[i], grown = true, true
				}
			}
		}
	}
	natural := &Planner{flow: p.flow, steps: map[int]bool{}}
	natural.begin()
	for i := range natural.steps {
		if !p.steps[i] {
			return part
		}
	}
	return nil
}

// Judged notes a chain of the recording. It is an AuditConfig.Judged.
func (p *Planner) Judged(j flows.Judged) {
	chain := len(p.plan.Chains)
	wanted := p.wanted(j.Entries)
	for _, seq := range wanted {
		p.wants[seq] = chain
	}
	if len(wanted) == 0 {
		p.plan.Begun++
		return
	}
	ids := slices.Clone(j.Chain.IDs)
	slices.SortFunc(ids, func(a, b correlate.ID) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	c := Chain{}
	for _, id := range ids {
		c.IDs = append(c.IDs, strings.Clone(id.Value))
	}
	if len(c.IDs) > 0 {
		c.Name = c.IDs[0]
	}
	p.plan.Chains = append(p.plan.Chains, c)
}

// Take is given each message of the recording, in its order, once all chains are
// judged.
func (p *Planner) Take(o *message.Observation) {
	p.read++
	channel := slices.IndexFunc(p.flow.Channels, func(c flows.Channel) bool { return c.Name == o.Channel })
	if channel < 0 {
		return
	}
	chain, ok := p.wants[p.read]
	if !ok && !p.alone(channel, o) {
		return
	}
	if !ok {
		chain = Alone
		p.plan.Alone++
	}
	s := Shipment{Trigger: p.flow.Resent(channel, o.Clone()), Number: p.read, Chain: chain, At: p.at(o), Mid: p.mid[p.read]}
	if !ok {
		s.Was = message.Message{Key: s.Message.Key, Payload: s.Message.Payload}
	}
	s.Message.Headers = deadletter.Strip(s.Message.Headers)
	s.Message.Headers = slices.DeleteFunc(s.Message.Headers, func(h message.Header) bool {
		return strings.EqualFold(h.Name, HeaderRun) || strings.EqualFold(h.Name, HeaderOrigin)
	})
	// The login's own name, and what would have SQS swallow it for five minutes.
	for _, name := range []string{"user-id", "exchange", "MessageDeduplicationId"} {
		delete(s.Message.Properties, name)
	}
	s.Lane = lane(o)
	p.plan.Shipments = append(p.plan.Shipments, s)
}

// at is when a message was recorded: the broker's time, but not before the
// message ahead of it.
func (p *Planner) at(o *message.Observation) time.Time {
	at := o.Time
	if at.IsZero() {
		at = o.Seen
	}
	place := o.Channel
	if o.Position.Kind == message.PartitionOffset {
		place = fmt.Sprintf("%s/%d", o.Channel, o.Position.Partition)
	}
	if last := p.last[place]; at.Before(last) {
		at = last
	}
	p.last[place] = at
	return at
}

// lane tells messages apart whose order does not matter: by key, else by what
// else keeps an order on their broker.
func lane(o *message.Observation) uint64 {
	h := xxhash.New()
	_, _ = h.WriteString(o.Channel)
	var kind [5]byte
	group, _ := o.Properties["MessageGroupId"].(string)
	switch {
	case o.Key != nil:
		kind[0] = 1
		_, _ = h.Write(kind[:1])
		_, _ = h.Write(o.Key)
	case group != "":
		kind[0] = 2
		_, _ = h.Write(kind[:1])
		_, _ = h.WriteString(group)
	case o.Position.Kind == message.PartitionOffset:
		kind[0] = 3
		binary.LittleEndian.PutUint32(kind[1:], uint32(o.Position.Partition))
		_, _ = h.Write(kind[:])
	}
	return h.Sum64()
}

// Plan returns what is to be sent, merged by time.
func (p *Planner) Plan() *Plan {
	slices.SortStableFunc(p.plan.Shipments, func(a, b Shipment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number, b.Number))
	})
	return &p.plan
}

// Length is the time from the first message to the last, in the recording.
func (p *Plan) Length() time.Duration {
	if len(p.Shipments) == 0 {
		return 0
	}
	return p.Shipments[len(p.Shipments)-1].At.Sub(p.Shipments[0].At)
}
