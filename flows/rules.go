package flows

import (
	"math"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Rule is what must hold across chains.
type Rule struct {
	// Name is the name in the file, else the rule's kind.
	Name string
	// Kind is ordered, unique, latency, never or every.
	Kind    string
	Channel int

	gapless  bool
	text     string // what never: forbids
	every    time.Duration
	from, to int // steps
	limits   []limit
}

// limit is a percentile of a latency and what it may be at most.
type limit struct {
	key     string
	percent float64
	max     time.Duration
}

// sighting is a message as a rule sees it.
type sighting struct {
	place   // without its chain: see named
	by, per payload.Value
	key     ruleKey
	number  correlate.Number // of its chain, 0 for none
	engine  *correlate.Engine
	entry   *correlate.Entry
	channel *Channel
}

// ruleKey is the key of a message in the claims of a rule.
type ruleKey struct {
	text string
	hash uint32
}

// named is the place, with the name of its chain.
func (s *sighting) named() place {
	p := s.place
	if s.number != 0 {
		p.chain = s.engine.Name(s.number)
	}
	return p
}

// place is where a rule saw a message.
type place struct {
	at         message.Position
	time, seen correlate.Instant
	chain      *correlate.Chain // nil for a message of no chain
	producer   bool             // time is the producer's
}

func (p place) instant() correlate.Instant {
	if p.time.Known() {
		return p.time
	}
	return p.seen
}

// tracker follows one rule through the messages of its channel.
type tracker interface {
	observe(s *sighting)
	// report returns what the rule found, given how far the taps have read.
	report(h *correlate.Horizon) ([]ruleFinding, []Unknown)
}

// ruleFinding is a finding whose chain is named when the report is made.
type ruleFinding struct {
	Finding
	place place
}

func newTracker(f *Flow, r *Rule, e *correlate.Engine, maxKeys int) tracker {
	switch r.Kind {
	case "ordered":
		return &orderedTracker{flow: f, rule: r, maxKeys: maxKeys, keys: map[string]*sequence{}}
	case "unique":
		return newUniqueTracker(f, r, e, maxKeys)
	case "every":
		return &everyTracker{rule: r, flow: f, maxKeys: maxKeys, keys: map[string]*beat{}}
	case "never":
		return &neverTracker{rule: r, flow: f}
	default:
		return nil
	}
}

// keyOf is a value as the key of a map; equal values have the same.
func keyOf(v payload.Value) string { return string(payload.AppendKey(nil, v)) }

// nameOf is a key's value in a report.
func nameOf(v payload.Value) string { return payload.Short(v, shortValue) }

// sequenceNumber reads a value as a place in a sequence: whole numbers are what
// they are; a time counts in nanoseconds.
func sequenceNumber(v payload.Value) (int64, bool) {
	switch v.Kind() {
	case payload.Int:
		return v.Int(), true
	case payload.Float:
		f := v.Float()
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), true
		}
	case payload.Time:
		return v.Time().UnixNano(), true
	case payload.String:
		n, err := strconv.ParseInt(v.Text(), 10, 64)
		return n, err == nil
	default:
	}
	return 0, false
}

func (r *Rule) finding(kind Kind, ch *Channel, p place, more ...place) ruleFinding {
	f := ruleFinding{place: p, Finding: Finding{Kind: kind, Rule: r.Name}}
	for _, p := range append([]place{p}, more...) {
		f.Evidence = append(f.Evidence, Evidence{ch.Name, p.at})
	}
	return f
}
