package flows

import (
	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// ruleValue is what a rule's expression comes to; without, where it has none.
func (in *intake) ruleValue(p *expression.Program, without payload.Value) payload.Value {
	if p == nil {
		return without
	}
	return in.eval(p)
}

// ruleKey is the message's key in the claims of the rule, if that has any.
func (in *intake) ruleKey(tap *ruleTap, by, per payload.Value) ruleKey {
	if !tap.keyed || by.IsNil() || per.IsNil() {
		return ruleKey{}
	}
	from := len(in.keys)
	if tap.per != nil {
		in.keys = payload.AppendKey(in.keys, per)
	}
	in.keys = payload.AppendKey(in.keys, by)
	text := view(in.keys[from:])
	return ruleKey{text, correlate.HashOfKey(text)}
}

// messageID is a hash of the message's id; 0 where it has none.
func (in *intake) messageID(plan *intakePlan, o *message.Observation) uint64 {
	if plan.messageID != nil {
		if text := idText(in.eval(plan.messageID)); text != "" {
			return nonZero(xxhash.Sum64String(text))
		}
		return 0
	}
	if text, ok := payload.MessageID(o); ok && text != "" {
		return nonZero(xxhash.Sum64String(text))
	}
	return 0
}

func nonZero(h uint64) uint64 {
	if h == 0 {
		return 1
	}
	return h
}
