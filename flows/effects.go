package flows

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/payload"
)

// effect is a message that a trigger set off, reduced to what the comparison of
// two runs needs.
type effect struct {
	group  string // what it is: a step, of the first or a further chain
	step   string // "" for a message that is no step
	place  Evidence
	fields []leaf // by path
	raw    uint64 // of its key and payload, verbatim
	dead   bool   // it is on a dead-letter channel
	again  bool   // a verbatim repeat is allowed
	lost   bool   // its payload was not kept
	part   int    // of an attempt that sends the scenario more than once
	chain  string // the name of its chain, with the ids
	ids    map[string]string
}

// leaf is a field of a message: a path and its value, with the instance's id
// replaced, so that runs can be compared.
type leaf struct{ path, value string }

// maxLeaves bounds the fields of one message that are compared; beyond it, the
// rest counts as one.
const maxLeaves = 2000

// kept is what an audit of probes keeps of a message.
type kept struct {
	key, payload []byte
	chain        *correlate.Chain
}

// idMark stands for the fresh id of an instance.
const idMark = "${id}"

// fieldsOfKept flattens a message.
func fieldsOfKept(k *kept, id string) []leaf {
	replace := func(s string) string {
		if id == "" {
			return s
		}
		return strings.ReplaceAll(s, id, idMark)
	}
	var all []leaf
	if k.key != nil {
		all = append(all, leaf{"key", replace(textOf(string(k.key)).Text())})
	}
	if k.payload == nil {
		return append(all, leaf{"tombstone", "true"})
	}
	tree, err := payload.Decode(k.payload)
	if err != nil {
		return append(all, leaf{"text", replace(textOf(string(k.payload)).Text())})
	}
	all = flatten(all, "body", tree, replace)
	slices.SortFunc(all, func(a, b leaf) int { return strings.Compare(a.path, b.path) })
	return all
}

func flatten(all []leaf, path string, v payload.Value, replace func(string) string) []leaf {
	if len(all) >= maxLeaves {
		return append(all[:maxLeaves-1], leaf{"body…", replace(string(payload.AppendJSON(nil, v)))})
	}
	switch members, items := v.Object(), v.List(); {
	case len(members) > 0:
		for _, m := range members {
			all = flatten(all, path+"."+m.Name, m.Value, replace)
		}
	case len(items) > 0:
		for i, item := range items {
			all = flatten(all, path+"["+strconv.Itoa(i)+"]", item, replace)
		}
	default:
		all = append(all, leaf{path, replace(string(payload.AppendJSON(nil, v)))})
	}
	return all
}

// effectsOf are the effects in a chain that was just judged: every message of a
// step that counts, and every stray, but those that flowcheck sent.
func (a *Audit) effectsOf(id string, own map[uint64]bool, nth int) []effect {
	j := &a.judge
	var all []effect
	for _, e := range j.order {
		stray := e.Detail != nil && e.Detail.Stray != correlate.NotStray
		counts := e.Step != correlate.NoStep && slices.Contains(j.steps[e.Step].all, e)
		if _, mine := own[e.Seq]; mine || !counts && !stray {
			continue
		}
		ch := &a.flow.Channels[e.Channel]
		x := effect{place: Evidence{ch.Name, e.Position}, dead: ch.DeadLetters != nil, group: "a message on " + ch.Name + " that is no step"}
		if e.Step != correlate.NoStep {
			step := &a.flow.Steps[e.Step]
			x.step, x.group, x.again = step.Name, step.Name, step.Repeatable
		}
		if nth > 0 {
			x.group += " (chain " + strconv.Itoa(nth+1) + ")"
		}
		if k := a.keep.all[e.Seq]; k != nil {
			x.fields, x.raw = fieldsOfKept(k, id), xxhash.Sum64(append(append(slices.Clone(k.key), 0), k.payload...))
		} else {
			x.lost = true
		}
		all = append(all, x)
	}
	return all
}

// keeper keeps whole messages while probes are about.
type keeper struct {
	all   map[uint64]*kept
	order []uint64
	bytes int
}

// maxKeptBytes bounds what is kept of messages that are no probe's.
const maxKeptBytes = 256 << 20

// payloadOf is the payload of a message that is kept; nil of any other.
func (a *Audit) payloadOf(seq uint64) []byte {
	if k := a.keep.all[seq]; k != nil {
		return k.payload
	}
	return nil
}

// keepForProbes keeps a message where probes may ask for it.
func (a *Audit) keepForProbes(r *reduced, c correlate.Number) {
	if !a.cfg.Probes {
		return
	}
	e := &r.Entry
	if len(r.IDs)+len(r.Listed)+len(r.Loose) > 0 && (e.Step != correlate.NoStep || e.Detail != nil) {
		a.keepMessage(r, c)
	}
	if r.letter != nil {
		a.keepLetter(r.letter)
	}
}

// keepMessage keeps what effects are compared by.
func (a *Audit) keepMessage(r *reduced, n correlate.Number) {
	if a.keep.all == nil {
		a.keep.all = map[uint64]*kept{}
	}
	k := &kept{key: slices.Clone(r.key), payload: slices.Clone(r.payload)}
	if n != 0 {
		k.chain = a.engine.Name(n)
	}
	a.keep.all[r.Entry.Seq] = k
	a.keep.order = append(a.keep.order, r.Entry.Seq)
	a.keep.bytes += len(k.key) + len(k.payload)
	for a.keep.bytes > maxKeptBytes && len(a.keep.order) > 1 {
		seq := a.keep.order[0]
		a.keep.order = a.keep.order[1:]
		k := a.keep.all[seq]
		a.keep.bytes -= len(k.key) + len(k.payload)
		if k.chain == nil || len(a.scenariosOf(a.engine.NamesOf(k.chain))) == 0 {
			delete(a.keep.all, seq)
		}
	}
}
