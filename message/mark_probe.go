package message

import (
	"errors"
	"fmt"
	"time"
)

// ProbeEvent tells which event of a probe a mark is.
type ProbeEvent string

// What can happen to a probe.
const (
	// ProbeBegin: an instance of the scenario is about to be sent, for a try of the
	// probe; one mark for each chain that it begins.
	ProbeBegin ProbeEvent = "begin"
	// ProbeSend: flowcheck sent a message, which a tap may see as well.
	ProbeSend ProbeEvent = "send"
	// ProbeAct: flowcheck did something else, such as to restart the system.
	ProbeAct ProbeEvent = "act"
	// ProbeEnd: the try is over, and was watched to its end; with a Reason it could
	// not do its work.
	ProbeEnd ProbeEvent = "end"
	// ProbeSkip: the probe was not tried, for the Reason.
	ProbeSkip ProbeEvent = "skip"
)

// ProbeMark is what a probe did. The mark that it belongs to has the id of the
// instance, and what was sent and expected, as a scenario's mark has it.
type ProbeMark struct {
	Does ProbeEvent
	// Of is the id of the scenario's own instance, Kind the probe's name ("" for a
	// plain repeat, which shows what varies by itself) and Try which of its
	// variations.
	Of, Kind, Try string
	// Kinds are, in a scenario's mark, the probes that were asked for.
	Kinds []string
	// Grace is how much longer than its deadlines the chain may take.
	Grace time.Duration

	// Channel, Position and Digest tell which message was sent; Position is
	// NoPosition where the broker did not tell. Extra: beyond the scenario's own.
	Channel  string
	Position Position
	Digest   string
	Extra    bool
	// As is the fresh id that the message or the chain was made with, where it is not
	// the instance's, Broken what is wrong with the message, and Key the digest of
	// its key: of a broken message that a probe sent.
	As, Broken, Key string
	// What says what was sent or done, for a reader, Reason why it was not.
	What, Reason string
	// Again: it came too late to do its work, for the Reason, and is tried once more.
	Again bool
}

// probe reads a probe's mark.
func (d *Decoder) probe(m *Mark) error {
	if err := d.scenario(m); err != nil {
		return err
	}
	if m.Probe == nil {
		return errors.New("a probe mark without a probe")
	}
	return nil
}

// probeMark reads the field probe; nil where the line lacks it.
func (d *Decoder) probeMark() (*ProbeMark, error) {
	object, err := d.object(fProbe)
	if err != nil || object == nil {
		return nil, err
	}
	p := &ProbeMark{}
	var does, position, grace string
	for name, to := range map[string]*string{
		"does": &does, "of": &p.Of, "kind": &p.Kind, "try": &p.Try, "channel": &p.Channel, "position": &position,
		"digest": &p.Digest, "what": &p.What, "reason": &p.Reason, "grace": &grace,
		"as": &p.As, "broken": &p.Broken, "key": &p.Key,
	} {
		value, ok := object[name].(string)
		if !ok && object[name] != nil {
			return nil, fmt.Errorf("probe: %s: want a string", name)
		}
		*to = value
	}
	p.Does, p.Position = ProbeEvent(does), ParsePosition(position)
	p.Extra, _ = object["extra"].(bool)
	p.Again, _ = object["again"].(bool)
	kinds, _ := object["kinds"].([]any)
	for _, kind := range kinds {
		name, ok := kind.(string)
		if !ok {
			return nil, errors.New("probe: kinds: want strings")
		}
		p.Kinds = append(p.Kinds, name)
	}
	if grace != "" {
		if p.Grace, err = time.ParseDuration(grace); err != nil || p.Grace < 0 {
			return nil, fmt.Errorf("probe: grace: %q is no duration", clip(grace))
		}
	}
	return p, nil
}

// appendProbe writes nothing for nil.
func appendProbe(dst []byte, p *ProbeMark) ([]byte, error) {
	if p == nil {
		return dst, nil
	}
	object := map[string]any{}
	for name, value := range map[string]string{
		"does": string(p.Does), "of": p.Of, "kind": p.Kind, "try": p.Try, "channel": p.Channel,
		"position": p.Position.String(), "digest": p.Digest, "what": p.What, "reason": p.Reason,
		"as": p.As, "broken": p.Broken, "key": p.Key,
	} {
		if value != "" {
			object[name] = value
		}
	}
	if p.Extra {
		object["extra"] = true
	}
	if p.Again {
		object["again"] = true
	}
	if p.Grace > 0 {
		object["grace"] = p.Grace.String()
	}
	if len(p.Kinds) > 0 {
		kinds := make([]any, len(p.Kinds))
		for i, kind := range p.Kinds {
			kinds[i] = kind
		}
		object["kinds"] = kinds
	}
	dst, err := appendValue(append(dst, `,"probe":`...), object, plain, 0)
	if err != nil {
		return dst, fmt.Errorf("probe: %w", err)
	}
	return dst, nil
}
