package compare

import (
	"bytes"
	"slices"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Letters are the dead letters of a recording, or of a run, kept beside a Set to
// be compared where they are in no chain: those of messages that nobody can read.
// Take is given every observation that the Set is, in the same order.
type Letters struct {
	flow  *flows.Flow
	read  int
	all   []letter
	bytes int
	seen  map[flows.Evidence]bool
}

// letter is a dead letter kept whole.
type letter struct {
	entry        correlate.Entry
	key, payload []byte
}

// Bounds on the letters that are kept.
const (
	maxLetters     = 100_000
	maxLetterBytes = 256 << 20
)

// NewLetters returns empty Letters.
func NewLetters(f *flows.Flow) *Letters {
	return &Letters{flow: f, seen: map[flows.Evidence]bool{}}
}

// Take keeps the observation if it is a dead letter.
func (l *Letters) Take(o *message.Observation) {
	l.read++
	at := -1
	for i := range l.flow.Channels {
		if c := &l.flow.Channels[i]; c.Name == o.Channel && c.DeadLetters != nil {
			at = i
		}
	}
	if at < 0 || len(l.all) >= maxLetters || l.bytes > maxLetterBytes || l.again(o) {
		return
	}
	one := letter{key: bytes.Clone(o.Key), payload: bytes.Clone(o.Payload)}
	one.entry = correlate.Entry{
		Step: correlate.NoStep, Channel: int16(at), Position: o.Position, Seq: uint64(l.read),
		Time: correlate.InstantOf(o.Time), Seen: correlate.InstantOf(o.Seen),
	}
	l.bytes += len(one.key) + len(one.payload)
	l.all = append(l.all, one)
}

// again reports whether the tap has read the message before.
func (l *Letters) again(o *message.Observation) bool {
	if o.Position.Kind != message.PartitionOffset && o.Position.Kind != message.Opaque {
		return false
	}
	at := flows.Evidence{Channel: o.Channel, Position: o.Position}
	known := l.seen[at]
	l.seen[at] = true
	return known
}

// Lone is a message that is in no chain, under a name of its own.
type Lone struct {
	Name    string
	Message message.Message
	// Aliases are what its ids stand for.
	Aliases []Alias
}

// AddLone adds to the Set, for each lone message, its dead letters as a chain: those
// that are in no other and have its payload or its key.
func (s *Set) AddLone(all []Lone, l *Letters) {
	taken := make(map[int]bool, len(l.all))
	for i := range s.chains {
		for j := range s.chains[i].messages {
			taken[int(s.chains[i].messages[j].number)] = true
		}
	}
	find := l.finder(len(all))
	for _, one := range all {
		c := Chain{Name: one.Name, IDs: []correlate.ID{{Name: 0, Value: one.Name}}, Aliases: one.Aliases, State: flows.Pass, set: s}
		for _, i := range find(&one.Message) {
			e := &l.all[i].entry
			if taken[int(e.Seq)] {
				continue
			}
			taken[int(e.Seq)] = true
			c.messages = append(c.messages, held{time: e.Time, seen: e.Seen, number: uint32(e.Seq), step: e.Step, channel: e.Channel})
		}
		s.chains = append(s.chains, c)
	}
}

// minWithin is how long a payload must be to be looked for within others, and
// maxWithin how many pairs of payloads are looked at for that.
const (
	minWithin = 16
	maxWithin = 1 << 20
)

// finder finds the letters, by index, that may be of a message: by its bytes, alone
// or within others, or by its key.
func (l *Letters) finder(lone int) func(*message.Message) []int {
	payloads, keys := map[string][]int{}, map[string][]int{}
	for i := range l.all {
		payloads[string(l.all[i].payload)] = append(payloads[string(l.all[i].payload)], i)
		if l.all[i].key != nil {
			keys[string(l.all[i].key)] = append(keys[string(l.all[i].key)], i)
		}
	}
	within := lone*len(l.all) <= maxWithin
	return func(m *message.Message) []int {
		var all []int
		if m.Payload != nil {
			all = append(all, payloads[string(m.Payload)]...)
		}
		if m.Key != nil {
			all = append(all, keys[string(m.Key)]...)
		}
		if within && len(m.Payload) >= minWithin {
			for i := range l.all {
				if bytes.Contains(l.all[i].payload, m.Payload) {
					all = append(all, i)
				}
			}
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
}
