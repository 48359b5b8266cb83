package flows

import (
	"bytes"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Broken is a trigger that a system should not be able to handle.
type Broken struct {
	// Name says what is wrong with it: cut, not JSON, wrong type, missing field, 1 MB.
	Name string
	Trigger
}

// The ways to break a trigger. Of those that are lenient a system may make sense
// all the same; then it must handle the message to its end.
const (
	brokenCut     = "cut"
	brokenNotJSON = "not JSON"
	brokenType    = "wrong type"
	brokenField   = "missing field"
	brokenSize    = "1 MB"
)

func lenient(name string) bool {
	return name == brokenType || name == brokenField || name == brokenSize
}

// bigSizes are the payloads, in bytes, of which the largest that the broker takes
// is sent as "1 MB": Kafka's default, and that of SNS and SQS.
var bigSizes = []int{1_000_000, 250_000}

// BrokenTriggers breaks a trigger in every way that its format allows. id is the
// fresh id that it was made with: it stays in the message, where it was.
func (f *Flow) BrokenTriggers(t *Trigger, id string) []Broken {
	with := func(name string, data []byte) Broken {
		b := Broken{name, *t}
		b.Message.Payload = data
		return b
	}
	data := t.Message.Payload
	tree, err := payload.Decode(data)
	if err != nil || len(tree.Object()) == 0 {
		return nil
	}
	all := []Broken{
		with(brokenCut, cut(data, id)),
		with(brokenNotJSON, []byte("this is no JSON: "+id)),
	}
	for _, edit := range []struct {
		name string
		edit func(payload.Value) (payload.Value, bool)
	}{
		{brokenType, otherType}, {brokenField, func(v payload.Value) (payload.Value, bool) { return payload.OfString(gone), isScalar(v) }},
	} {
		if b, ok := f.brokenValue(t, tree, edit.edit); ok {
			all = append(all, with(edit.name, b))
		}
	}
	return append(all, with(brokenSize, data))
}

// Big is the "1 MB" trigger in each size that a broker may take, the largest
// first.
func (b *Broken) Big() []Trigger {
	if b.Name != brokenSize {
		return []Trigger{b.Trigger}
	}
	var all []Trigger
	tree, err := payload.Decode(b.Message.Payload)
	if err != nil {
		return nil
	}
	for _, size := range bigSizes {
		t := b.Trigger
		padding := max(0, size-len(b.Message.Payload)-len(`,"x-padding":""`))
		members := append(slices.Clone(tree.Object()), payload.Member{Name: "x-padding", Value: payload.OfString(strings.Repeat("x", padding))})
		t.Message.Payload = payload.AppendJSON(nil, payload.OfObject(members))
		all = append(all, t)
	}
	return all
}

// cut leaves the second half out, but not the id.
func cut(data []byte, id string) []byte {
	keep := len(data) / 2
	if at := bytes.Index(data, []byte(id)); at >= 0 && id != "" {
		keep = max(keep, at+len(id))
	}
	return slices.Clone(data[:min(keep, len(data)-1)])
}

// brokenValue breaks the first value of the body that is no id of the flow and not
// what makes it its step: a number if there is one.
func (f *Flow) brokenValue(t *Trigger, tree payload.Value, edit func(payload.Value) (payload.Value, bool)) ([]byte, bool) {
	isNumber := func(v payload.Value) bool { return v.Kind() == payload.Int || v.Kind() == payload.Float }
	for _, wanted := range []func(payload.Value) bool{isNumber, isScalar} {
		for n := range maxLeaves {
			changed, path, found := editLeaf(tree, n, func(v payload.Value) (payload.Value, bool) {
				if !wanted(v) {
					return v, false
				}
				return edit(v)
			})
			if !found {
				break
			}
			if path == "" {
				continue
			}
			other := *t
			other.Message.Payload = payload.AppendJSON(nil, without(changed))
			if f.sameChain(t, &other) {
				return other.Message.Payload, true
			}
		}
	}
	return nil, false
}

func isScalar(v payload.Value) bool {
	switch v.Kind() {
	case payload.Int, payload.Float, payload.String, payload.Bool:
		return true
	default:
		return false
	}
}

// otherType makes an object of a value: whatever type is expected, it is not that.
func otherType(v payload.Value) (payload.Value, bool) {
	return payload.OfObject([]payload.Member{{Name: "broken", Value: payload.OfBool(true)}}), isScalar(v)
}

// gone stands for a value that is to be left out.
const gone = "\x00gone"

// without leaves out the members that are to be.
func without(v payload.Value) payload.Value {
	switch members, items := v.Object(), v.List(); {
	case len(members) > 0:
		var kept []payload.Member
		for _, m := range members {
			if m.Value.Text() != gone {
				kept = append(kept, payload.Member{Name: m.Name, Value: without(m.Value)})
			}
		}
		return payload.OfObject(kept)
	case len(items) > 0:
		kept := make([]payload.Value, len(items))
		for i := range items {
			kept[i] = without(items[i])
		}
		return payload.OfList(kept)
	}
	return v
}

// DeadLettersOf are the channels that take the dead letters of a channel.
func (f *Flow) DeadLettersOf(channel int) []int {
	var all []int
	for i := range f.Channels {
		if slices.Contains(f.Channels[i].DeadLetters, channel) {
			all = append(all, i)
		}
	}
	return all
}

// EndsDead reports whether the outcome has a dead letter among its steps.
func (f *Flow) EndsDead(outcome string) bool {
	for i := range f.Outcomes {
		if f.Outcomes[i].Name != outcome {
			continue
		}
		return slices.ContainsFunc(f.Outcomes[i].Steps, func(s int) bool { return f.Channels[f.Steps[s].Channel].DeadLetters != nil })
	}
	return false
}

// sameLane sends t where the message went that the broker put at the position: to
// its partition, or its group.
func sameLane(t *Trigger, first *Trigger, at message.Position) {
	if at.Kind == message.PartitionOffset {
		partition := at.Partition
		t.Partition = &partition
	}
	const group = "MessageGroupId"
	if v, ok := first.Message.Properties[group]; ok && t.Message.Properties != nil {
		t.Message.Properties[group] = v
	}
}

// InLane is the trigger as it goes to the partition or group of another that was
// sent to the same channel.
func (t Trigger) InLane(first *Trigger, at message.Position) Trigger {
	if t.Channel == first.Channel {
		sameLane(&t, first, at)
	}
	return t
}
