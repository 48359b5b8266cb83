package compare

import (
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/message"
)

// Noise is what varies by nature, learnt from two runs of one trigger.
type Noise struct {
	fields map[fieldOf]mood
	orders map[[2]kind]bool
}

type fieldOf struct {
	kind kind
	path string
}

// mood is how a field was seen: of several messages of a step it may have
// differed in one and not in another.
type mood struct{ varied, steady bool }

// Learn compares two runs of one trigger. What differs between them is noise; a
// field that is equal in both is none, nor is one that is equal in one of
// several messages of a step.
func (c *Comparer) Learn(first, second *Chain) *Noise {
	n := &Noise{fields: map[fieldOf]mood{}, orders: map[[2]kind]bool{}}
	x := c.begin(first, second, nil)
	for _, k := range x.kinds {
		pairs, _, _ := x.align(k)
		for _, p := range pairs {
			x.learn(n, k, p)
		}
	}
	for i, a := range x.kinds {
		for _, b := range x.kinds[i+1:] {
			if x.was.relation(c.flow.Skew, c.flow.ProducerSkew, a, b)*x.now.relation(c.flow.Skew, c.flow.ProducerSkew, a, b) < 0 {
				n.orders[[2]kind{a, b}] = true
			}
		}
	}
	return n
}

func (x *comparison) learn(n *Noise, k kind, pair [2]*held) {
	differs := map[string]bool{}
	x.differing(pair[0], pair[1], func(path string, _, _ []byte) { differs[path] = true })
	for path := range differs {
		m := n.fields[fieldOf{k, path}]
		m.varied = true
		n.fields[fieldOf{k, path}] = m
	}
	for _, f := range x.was.fields(pair[0]) {
		if !differs[f.path] {
			m := n.fields[fieldOf{k, f.path}]
			m.steady = true
			n.fields[fieldOf{k, f.path}] = m
		}
	}
}

// Merge adds what was learnt from two more runs of the same trigger. A field
// that varied in any two of them varies: what is steady is so within two runs.
func (n *Noise) Merge(other *Noise) {
	for f, m := range other.fields {
		have := n.fields[f]
		n.fields[f] = mood{varied: have.varied && !have.steady || m.varied && !m.steady}
	}
	for o := range other.orders {
		n.orders[o] = true
	}
}

// passes tells why a field's difference is noise; "" where it is none.
func (x *comparison) passes(k kind, path string) string {
	if x.noise != nil {
		if m := x.noise.fields[fieldOf{k, path}]; m.varied && !m.steady {
			return "learnt"
		}
	}
	if x.isNamed(k, path) {
		return "named in the flow file"
	}
	return ""
}

// isNamed reports whether the flow file names the field as noise.
func (c *Comparer) isNamed(k kind, path string) bool {
	for _, n := range c.named {
		if (n.Step < 0 || int16(n.Step) == k.step && k.step != correlate.NoStep) && n.Covers(path) {
			return true
		}
	}
	return false
}

// maxKinds bounds the kinds of message whose order is compared.
const maxKinds = 64

// orders compares which kinds of message came before which.
func (x *comparison) orders() []Difference {
	var all []Difference
	kinds := x.kinds[:min(len(x.kinds), maxKinds)]
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			was := x.was.relation(x.flow.Skew, x.flow.ProducerSkew, a, b)
			if was*x.now.relation(x.flow.Skew, x.flow.ProducerSkew, a, b) >= 0 {
				continue
			}
			if x.noise != nil && x.noise.orders[[2]kind{a, b}] {
				x.ignored[Ignored{Step: x.label(a) + " and " + x.label(b), Why: "learnt"}]++
				continue
			}
			if was > 0 {
				a, b = b, a
			}
			d := x.difference(Order, b)
			d.Was, d.Now = x.label(a)+" before "+x.label(b), x.label(b)+" before "+x.label(a)
			d.Evidence = append(x.now.evidence(x.flow, x.now.by[b][0]), x.now.evidence(x.flow, x.now.by[a][0])...)
			all = append(all, d)
		}
	}
	return all
}

// relation is -1 where all messages of a came before all of b, 1 where it was
// the other way round, 0 where that is not decided or not so.
func (s *side) relation(skew, producerSkew time.Duration, a, b kind) int {
	all := 0
	for _, m := range s.by[a] {
		for _, n := range s.by[b] {
			one := s.decide(skew, producerSkew, m, n)
			if one == 0 || all != 0 && one != all {
				return 0
			}
			all = one
		}
	}
	return all
}

// decide orders two messages, as judging does: by position within a partition or
// queue, else by the broker's time beyond the skew.
func (s *side) decide(skew, producerSkew time.Duration, m, n *held) int {
	if m.channel == n.channel {
		p, q := s.chain.set.position(m), s.chain.set.position(n)
		if p.Ordered(q) && p.Kind != message.NoPosition {
			return sign(p.Offset < q.Offset)
		}
	}
	if !m.time.Known() || !n.time.Known() {
		return 0
	}
	if m.producer || n.producer {
		skew = max(skew, producerSkew)
	}
	apart := n.time.Sub(m.time)
	if apart.Abs() <= skew {
		return 0
	}
	return sign(apart > 0)
}

func sign(first bool) int {
	if first {
		return -1
	}
	return 1
}
