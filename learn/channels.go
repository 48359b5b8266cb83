package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/infer"
	"github.com/flowcheck/flowcheck/message"
)

// family is a sort of broker as its messages show it.
type family struct{ kind, name, url string }

// families, in the order in which they are tried.
var families = [...]family{
	{"kafka", "events", `kafka://${env.KAFKA ?? "localhost:9092"}`},
	{"rabbitmq", "tasks", `${env.RABBIT ?? "amqp://guest:guest@localhost:5672/"}`},
	{"aws", "cloud", `{ url: "${env.AWS_URL ?? 'aws://eu-west-1'}", endpoint: "${env.AWS_ENDPOINT ?? ''}" }`},
}

// learnChannels guesses where the channels are, by the places and properties of
// their messages.
func (l *lesson) learnChannels() {
	d := &l.draft
	d.flow = l.cfg.Name
	if d.flow == "" {
		d.flow = l.header.Flow
	}
	if d.flow == "" {
		d.flow = "learnt"
	}
	d.notes = append(d.notes, fmt.Sprintf("Learnt from %d messages on %d channels. Every guess stands with its evidence: read it, name things, take back what is chance.",
		len(l.samples), len(l.channels)))
	used := map[int]bool{}
	for _, ch := range l.channels {
		at := l.familyOf(ch)
		used[at] = true
		c := &draftChannel{name: ch.name, broker: l.brokerName(at), address: l.address(ch, at)}
		c.because = append(c.because, fmt.Sprintf("%d messages", len(ch.samples)))
		if known, ok := l.cfg.Addresses[ch.name]; ok {
			c.address = known
		} else if families[at].kind != "rabbitmq" {
			c.because[0] += "; a recording does not have the address: it is taken to be the channel's name"
		}
		l.learnDeaths(ch, c)
		l.learnCopies(ch, c)
		d.channels = append(d.channels, c)
	}
	for at := range families {
		if used[at] {
			d.brokers = append(d.brokers, draftBroker{l.brokerName(at), families[at].url})
		}
	}
}

func (l *lesson) familyOf(ch *channel) int {
	o := l.samples[ch.samples[0]].o
	switch {
	case o.Position.Kind == message.PartitionOffset:
		return 0
	case o.Properties["exchange"] != nil || o.Position.Kind == message.Sequence:
		return 1
	case o.Position.Kind == message.Opaque:
		return 2
	default:
		return 0
	}
}

// brokerName is the recording's name of the only broker of that kind, else the
// kind's usual name.
func (l *lesson) brokerName(at int) string {
	var found []string
	for name, b := range l.header.Brokers {
		if b.Kind == families[at].kind {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return families[at].name
}

func (l *lesson) address(ch *channel, at int) string {
	switch families[at].kind {
	case "kafka":
		return "topic: " + ch.name
	case "aws":
		return "sns: " + ch.name
	}
	exchanges, keys := map[string]bool{}, map[string]bool{}
	for _, i := range ch.samples {
		p := l.samples[i].o.Properties
		exchanges[fmt.Sprint(p["exchange"])] = true
		keys[fmt.Sprint(p["routing-key"])] = true
	}
	exchange := slices.Sorted(maps.Keys(exchanges))[0]
	if len(exchanges) != 1 || exchange == "" || exchange == "<nil>" {
		return "queue: " + ch.name
	}
	key := "#"
	if all := slices.Sorted(maps.Keys(keys)); len(all) == 1 {
		key = all[0]
	} else if prefix := commonWords(all); prefix != "" {
		key = prefix + ".#"
	}
	return fmt.Sprintf("exchange: %s, routing-key: %s", infer.Quote(exchange), quoteAll(key))
}

func quoteAll(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// commonWords are the first words, between dots, that all have.
func commonWords(all []string) string {
	words := strings.Split(all[0], ".")
	words = words[:len(words)-1]
	for _, s := range all[1:] {
		other := strings.Split(s, ".")
		n := 0
		for n < len(words) && n < len(other)-1 && words[n] == other[n] {
			n++
		}
		words = words[:n]
	}
	return strings.Join(words, ".")
}

// learnDeaths finds out whether copies of another channel's messages come here:
// their headers say so, or most of the bodies were seen there before.
func (l *lesson) learnDeaths(ch *channel, c *draftChannel) {
	dialects := map[string]int{}
	for _, i := range ch.samples {
		if d, ok := deadletter.Read(l.samples[i].o); ok {
			dialects[d.Dialect]++
		}
	}
	marked := 0
	for _, n := range dialects {
		marked += n
	}
	if marked == 0 || 2*marked < len(ch.samples) {
		return
	}
	names := strings.Join(slices.Sorted(maps.Keys(dialects)), ", ")
	origin, same := l.originOf(ch)
	if origin == "" {
		c.because = append(c.because, fmt.Sprintf("%d of them have the failure headers of %s, but no channel of the recording has their bodies: dead-letters cannot be told", marked, names))
		return
	}
	c.deadLetters = origin
	c.because = append(c.because, fmt.Sprintf("%d of them have the failure headers of %s; %d have the body of a message on %s", marked, names, same, origin))
}

// originOf is the other channel that has most of the channel's bodies.
func (l *lesson) originOf(ch *channel) (name string, same int) {
	bodies := map[uint64]bool{}
	for _, i := range ch.samples {
		bodies[xxhash.Sum64(l.samples[i].o.Payload)] = true
	}
	for _, other := range l.channels {
		if other == ch {
			continue
		}
		found := map[uint64]bool{}
		for _, i := range other.samples {
			if h := xxhash.Sum64(l.samples[i].o.Payload); bodies[h] {
				found[h] = true
			}
		}
		if len(found) > same {
			name, same = other.name, len(found)
		}
	}
	if 2*same < len(bodies) {
		return "", 0
	}
	return name, same
}

// learnCopies finds messages that came again as they were.
func (l *lesson) learnCopies(ch *channel, c *draftChannel) {
	seen := map[[2]uint64]bool{}
	again := 0
	for _, i := range ch.samples {
		o := l.samples[i].o
		k := [2]uint64{xxhash.Sum64(o.Payload), xxhash.Sum64(o.Key)}
		if len(o.Payload) > 2 && seen[k] && !deadletter.IsCopy(o) {
			again++
		}
		seen[k] = true
	}
	if again > 0 && 10*again <= len(ch.samples) {
		c.redeliveries = true
		c.because = append(c.because, fmt.Sprintf("%d came a second time, the same to the byte: a redelivery, or a double that should be a finding", again))
	}
}
