package replay

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Renamer gives ids new values: for one run always the same, whatever process
// asks.
type Renamer struct {
	space uuid.UUID
}

// NewRenamer returns the Renamer of a run.
func NewRenamer(run string) *Renamer {
	return &Renamer{uuid.NewSHA1(uuid.NameSpaceURL, []byte("flowcheck-replay:"+run))}
}

var uuids = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

// shortest is the shortest id, in bytes, that is looked for in texts: a shorter
// one may be anything.
const shortest = 4

// lengthy is from how many letters and digits on an id of the same shape will
// not meet another by chance.
const lengthy = 12

// New is the new value of an id. UUIDs in it become other UUIDs (version 5);
// else a number stays a number of as many digits, a long id keeps its shape and
// what stands before its first separator, and any other becomes a UUID.
func (r *Renamer) New(id string) string {
	switch {
	case id == "":
		return ""
	case uuids.MatchString(id):
		return uuids.ReplaceAllStringFunc(id, func(u string) string {
			fresh := uuid.NewSHA1(r.space, []byte(strings.ToLower(u))).String()
			if u == strings.ToUpper(u) && u != strings.ToLower(u) {
				fresh = strings.ToUpper(fresh)
			}
			return fresh
		})
	case isDigits(id):
		return r.shaped(id, 0)
	case alphanumerics(id) >= lengthy:
		return r.shaped(id, strings.IndexAny(id, "-_:./")+1)
	default:
		return uuid.NewSHA1(r.space, []byte(id)).String()
	}
}

// Parts are the UUIDs in an id that is more than one: they are rewritten by
// themselves, too.
func Parts(id string) []string {
	all := uuids.FindAllString(id, -1)
	if len(all) == 1 && all[0] == id {
		return nil
	}
	return all
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func alphanumerics(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if classOf(c) != "" {
			n++
		}
	}
	return n
}

const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func classOf(c byte) string {
	for _, class := range []string{digits, lower, upper} {
		if strings.IndexByte(class, c) >= 0 {
			return class
		}
	}
	return ""
}

// shaped replaces digits by digits and letters by letters of their case, from a
// place on; hexadecimal ids stay hexadecimal, and the first digit is not 0.
func (r *Renamer) shaped(id string, from int) string {
	rest := id[from:]
	hex := strings.Trim(strings.ToLower(rest), digits+"abcdef") == ""
	out := []byte(id)
	var pool [16]byte
	for i := range rest {
		if i%8 == 0 {
			pool = uuid.NewSHA1(r.space, fmt.Appendf(nil, "%s#%d", id, i/8))
		}
		class := classOf(rest[i])
		if class == "" {
			continue
		}
		if hex && class != digits {
			class = class[:6]
		}
		if i == 0 && class == digits {
			class = digits[1:]
		}
		n := binary.BigEndian.Uint16(pool[i%8*2:])
		out[from+i] = class[int(n)%len(class)]
	}
	return string(out)
}

// Rewrite gives the chain's ids their new values wherever they stand in its
// messages. It fails where that cannot be done: an id too short to be told from
// other values, or one in a body that is no text.
func (p *Plan) Rewrite(r *Renamer) error {
	teller := p.Flow.Teller()
	known := p.known()
	for i := range p.Heals {
		p.Heals[i].ID = r.New(p.Heals[i].ID)
	}
	for i := range p.Shipments {
		s := &p.Shipments[i]
		if s.Chain == Alone {
			ids := s.mentions(teller, known)
			if err := s.rewrite(p.Flow, r, ids); err != nil {
				return err
			}
			for _, id := range ids {
				s.Rewritten = append(s.Rewritten, Rewritten{id, r.New(id)})
			}
			continue
		}
		before := teller.Tell(&s.Trigger)
		ids := slices.Concat(p.Chains[s.Chain].IDs, before.Others)
		for _, v := range before.IDs {
			ids = append(ids, v)
		}
		for _, id := range ids { // an id may be made of several fields
			ids = append(ids, Parts(id)...)
		}
		if err := s.rewrite(p.Flow, r, ids); err != nil {
			return err
		}
		after := teller.Tell(&s.Trigger)
		for name, old := range before.IDs {
			if want := r.New(old); !sameID(after.IDs[name], want) {
				return fmt.Errorf("%s: the id %s = %s could not be rewritten; --ids same leaves it", s.place(), name, old)
			}
		}
	}
	return nil
}

// known are the ids of all chains.
func (p *Plan) known() map[string]bool {
	all := map[string]bool{}
	if p.Alone == 0 {
		return all
	}
	for i := range p.Chains {
		for _, id := range p.Chains[i].IDs {
			all[id] = true
			for _, part := range Parts(id) {
				all[part] = true
			}
		}
	}
	return all
}

// words are what an id in a text may be.
var words = regexp.MustCompile(`[0-9A-Za-z]+(?:[-_.:/][0-9A-Za-z]+)*`)

// mentions are the ids in a message of no chain: its own, if it can be read, and
// those of chains that stand in its key, headers or text.
func (s *Shipment) mentions(teller *flows.Teller, known map[string]bool) []string {
	var all []string
	look := func(text string) {
		for _, word := range append(words.FindAllString(text, -1), text) {
			if known[word] {
				all = append(all, word)
			}
		}
	}
	ids, _ := teller.Reads(&s.Trigger)
	for _, id := range ids {
		all = append(all, append(Parts(id), id)...)
	}
	look(string(s.Message.Key))
	look(string(s.Message.Payload))
	for _, h := range s.Message.Headers {
		if text, ok := h.Value.(string); ok {
			look(text)
		}
	}
	all = slices.DeleteFunc(all, func(id string) bool { return len(id) < shortest })
	slices.Sort(all)
	return slices.Clip(slices.Compact(all))
}

func sameID(a, b string) bool { return strings.EqualFold(a, b) }

func (s *Shipment) place() string { return fmt.Sprintf("message %d of the recording", s.Number) }

// rewrite replaces ids in the key, the headers, the properties and the body. The
// longest goes first: one may be part of another.
func (s *Shipment) rewrite(f *flows.Flow, r *Renamer, ids []string) error {
	slices.SortFunc(ids, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	ids = slices.Compact(ids)
	var pairs []pair
	for _, id := range ids {
		if id == "" {
			continue
		}
		if len(id) < shortest {
			return fmt.Errorf("%s: the id %q is too short to be told from other values; --ids same leaves it", s.place(), id)
		}
		pairs = append(pairs, pair{id, r.New(id)})
	}
	m := &s.Message
	body, key, err := f.Recode(&s.Trigger, func(text string) string { return replaceAll(text, pairs) })
	if err != nil {
		return fmt.Errorf("%s: ids in it could not be rewritten: %w; --ids same leaves them", s.place(), err)
	}
	if m.Key != nil && !key {
		m.Key = []byte(replaceAll(string(m.Key), pairs))
	}
	if m.Payload != nil && !body {
		m.Payload = []byte(replaceAll(string(m.Payload), pairs))
	}
	for i := range m.Headers {
		m.Headers[i] = message.Header{Name: m.Headers[i].Name, Value: replaceIn(m.Headers[i].Value, pairs)}
	}
	for name, v := range m.Properties {
		m.Properties[name] = replaceIn(v, pairs)
	}
	return nil
}

type pair struct{ old, fresh string }

// replaceIn replaces within a header's value, tables and lists included.
func replaceIn(v any, pairs []pair) any {
	switch v := v.(type) {
	case string:
		return replaceAll(v, pairs)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = replaceIn(v[i], pairs)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = replaceIn(v[k], pairs)
		}
		return out
	default:
		return v
	}
}

// replaceAll replaces each id where it is no part of a longer word or number. At
// each place the first pair that fits counts, and what was put in is left alone.
func replaceAll(text string, pairs []pair) string {
	if !slices.ContainsFunc(pairs, func(p pair) bool { return strings.Contains(text, p.old) }) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		at := slices.IndexFunc(pairs, func(p pair) bool {
			return strings.HasPrefix(text[i:], p.old) && !(i > 0 && wordy(text[i-1])) && !(i+len(p.old) < len(text) && wordy(text[i+len(p.old)]))
		})
		if at < 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(pairs[at].fresh)
		i += len(pairs[at].old)
	}
	return b.String()
}

// wordy reports whether the byte goes on a word: a letter, a digit, or part of a
// character beyond ASCII.
func wordy(c byte) bool { return classOf(c) != "" || c >= 0x80 }

// Known fills in the ids by which the chains will be known.
func (p *Plan) Known() {
	teller := p.Flow.Teller()
	for i := range p.Shipments {
		s := &p.Shipments[i]
		if s.Chain == Alone {
			continue
		}
		c := &p.Chains[s.Chain]
		if c.Known == nil {
			c.Known = map[string]string{}
		}
		for name, v := range teller.Tell(&s.Trigger).IDs {
			if _, have := c.Known[name]; !have {
				c.Known[name] = v
			}
		}
	}
}

// Copy is the plan with messages of its own, to be rewritten otherwise.
func (p *Plan) Copy() *Plan {
	own := *p
	own.Shipments = slices.Clone(p.Shipments)
	own.Chains = slices.Clone(p.Chains)
	own.Heals = slices.Clone(p.Heals)
	for i := range own.Shipments {
		s := &own.Shipments[i]
		s.Message = (&message.Observation{Message: s.Message}).Clone().Message
	}
	for i := range own.Chains {
		own.Chains[i].Known = nil
	}
	return &own
}
