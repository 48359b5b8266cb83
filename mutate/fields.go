package mutate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// maxFields bounds the fields of one message that are corrupted.
const maxFields = 64

// fields corrupts each field of the body, of lists the first item's, and the
// key. What the flow file calls noise is left alone.
func (s *site) fields(e *entry) []*mutant {
	o := s.message(e)
	var all []*mutant
	add := func(field string, change func() *message.Observation) {
		if s.isNoise(e, field) || len(all) >= maxFields {
			return
		}
		m := s.mutant(Corrupt, e, func() edit { return one(e, change()) })
		m.what.Field = field
		all = append(all, m)
	}
	if o.Key != nil {
		add("key", func() *message.Observation {
			c := *o
			c.Key = append(slices.Clone(c.Key), '~')
			return &c
		})
	}
	inner := s.open(e)
	body, err := payload.Decode(inner.Payload)
	if err != nil {
		if len(inner.Payload) > 0 {
			add("text", func() *message.Observation { return withPayload(inner, append(slices.Clone(inner.Payload), '~')) })
		}
		return all
	}
	for _, path := range leaves(body, nil, nil) {
		add(spellPath(path), func() *message.Observation {
			changed, _ := corrupt(body, path)
			return withPayload(inner, payload.AppendJSON(nil, changed))
		})
	}
	return all
}

// open is the message as expressions see it: out of SNS's envelope.
func (s *site) open(e *entry) *message.Observation {
	o, ch := s.message(e), &s.flow().Channels[e.channel]
	if ch.SNS == "" && ch.SQS == "" {
		return o
	}
	n, ok := payload.UnwrapSNS(o.Payload)
	if !ok {
		return o
	}
	c := *o
	c.Payload, c.Headers = n.Message, n.Headers
	return &c
}

func withPayload(o *message.Observation, data []byte) *message.Observation {
	c := *o
	c.Payload, c.Scan = data, 0
	return &c
}

func (s *site) isNoise(e *entry, path string) bool {
	return slices.ContainsFunc(s.flow().Noise, func(n flows.Noise) bool {
		return (n.Step < 0 || n.Step == int(e.step)) && n.Covers(path)
	})
}

// leaves are the paths of what holds no other values. Of a list the first item
// stands for all.
func leaves(v payload.Value, path []payload.Elem, all [][]payload.Elem) [][]payload.Elem {
	if len(all) >= maxFields {
		return all
	}
	switch v.Kind() {
	case payload.Object:
		for _, m := range v.Distinct() {
			all = leaves(m.Value, append(slices.Clip(path), payload.Elem{Name: m.Name}), all)
		}
		return all
	case payload.List:
		if len(v.List()) == 0 {
			return all
		}
		return leaves(v.List()[0], append(slices.Clip(path), payload.Elem{IsIndex: true}), all)
	default:
		return append(all, path)
	}
}

func spellPath(path []payload.Elem) string {
	return expression.Field{Source: expression.Body, Path: path}.String()
}

// corrupt returns the value with another one of the same type at path.
func corrupt(v payload.Value, path []payload.Elem) (payload.Value, bool) {
	if len(path) == 0 {
		return other(v), true
	}
	if path[0].IsIndex {
		items := slices.Clone(v.List())
		changed, ok := corrupt(items[path[0].Index], path[1:])
		items[path[0].Index] = changed
		return payload.OfList(items), ok
	}
	members := slices.Clone(v.Distinct())
	for i := range members {
		if members[i].Name == path[0].Name {
			var ok bool
			members[i].Value, ok = corrupt(members[i].Value, path[1:])
			return payload.OfObject(members), ok
		}
	}
	return v, false
}

// other is another value of the same type, and one that is not likely to be right
// as well.
func other(v payload.Value) payload.Value {
	switch v.Kind() {
	case payload.Bool:
		return payload.OfBool(!v.Bool())
	case payload.Int, payload.Float, payload.Number:
		return payload.Add(v, payload.OfInt(1_000_000))
	case payload.String:
		return payload.OfString(v.Text() + "~")
	default:
		return payload.OfString("~")
	}
}

// headers takes each header away; those that tell of a failure go together.
func (s *site) headers(e *entry) []*mutant {
	o := s.open(e)
	failure := deadletter.IsCopy(o)
	kept := o.Headers
	var all []*mutant
	add := func(field string, left []message.Header) {
		if s.isNoise(e, field) {
			return
		}
		m := s.mutant(Strip, e, func() edit {
			c := *o
			c.Headers, c.Scan = left, 0
			return one(e, &c)
		})
		m.what.Field = field
		all = append(all, m)
	}
	if failure {
		if kept = deadletter.Strip(o.Headers); len(kept) < len(o.Headers) {
			add("failure headers", kept)
		}
	}
	var done []string
	for _, h := range kept {
		if compare.IsPassing(h.Name) || slices.Contains(done, h.Name) || len(done) >= maxFields {
			continue
		}
		done = append(done, h.Name)
		add("headers["+strconv.Quote(h.Name)+"]", slices.DeleteFunc(slices.Clone(o.Headers), func(x message.Header) bool { return x.Name == h.Name }))
	}
	return all
}

// alter changes a copy: its body by a space that means nothing, and its key.
func (s *site) alter(e *entry) []*mutant {
	ch := &s.flow().Channels[e.channel]
	if len(ch.DeadLetters)+len(ch.Retries) == 0 {
		return nil
	}
	o := s.message(e)
	m := s.mutant(Alter, e, func() edit { return one(e, withPayload(o, append(slices.Clone(o.Payload), ' '))) })
	m.what.Field = "body"
	return []*mutant{m}
}

// renamed is the message with another value where the id stands as a whole: in
// the body, the key and the headers. nil where it stands nowhere.
func renamed(o *message.Observation, from, to string) *message.Observation {
	c := *o
	c.Scan = 0
	found := false
	if body, err := payload.Decode(o.Payload); err == nil {
		if changed, ok := replaceID(body, from, to); ok {
			c.Payload, found = payload.AppendJSON(nil, changed), true
		}
	}
	if string(o.Key) == from {
		c.Key, found = []byte(to), true
	}
	c.Headers = slices.Clone(o.Headers)
	for i, h := range c.Headers {
		if text, ok := h.Value.(string); ok && text == from {
			c.Headers[i].Value, found = to, true
		}
	}
	if !found {
		return nil
	}
	return &c
}

// replaceID replaces whole values. A body within a text, such as SNS's envelope,
// is looked into.
func replaceID(v payload.Value, from, to string) (payload.Value, bool) {
	switch v.Kind() {
	case payload.Object:
		members := slices.Clone(v.Distinct())
		found := false
		for i := range members {
			var ok bool
			members[i].Value, ok = replaceID(members[i].Value, from, to)
			found = found || ok
		}
		return payload.OfObject(members), found
	case payload.List:
		items := slices.Clone(v.List())
		found := false
		for i := range items {
			var ok bool
			items[i], ok = replaceID(items[i], from, to)
			found = found || ok
		}
		return payload.OfList(items), found
	case payload.String:
		return replaceText(v, from, to)
	default:
		if payload.Plain(v) == from && v.Kind() != payload.Nil && v.Kind() != payload.Bool {
			if n := payload.ParseNumber(to); !n.IsNil() {
				return n, true
			}
			return payload.OfString(to), true
		}
		return v, false
	}
}

func replaceText(v payload.Value, from, to string) (payload.Value, bool) {
	text := v.Text()
	if text == from {
		return payload.OfString(to), true
	}
	if strings.HasPrefix(text, "{") && strings.Contains(text, from) {
		if inner, err := payload.Decode([]byte(text)); err == nil {
			if changed, ok := replaceID(inner, from, to); ok {
				return payload.OfString(string(payload.AppendJSON(nil, changed))), true
			}
		}
	}
	return v, false
}

// sequenced reports whether order means something on the channel: a rule follows
// it, or its messages count.
func (t *traffic) sequenced(channel int16) bool {
	for i := range t.cfg.Flow.Rules {
		if r := &t.cfg.Flow.Rules[i]; r.Kind == "ordered" && r.Channel == int(channel) {
			return true
		}
	}
	by, _ := t.sequence(channel)
	return by != ""
}
