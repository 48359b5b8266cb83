package flows

import (
	"errors"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// problem is what is wrong with a body or a key, "" for nothing, and what it
// looks like. declared: the channel has a codec, so that it is worth a finding.
type problem struct {
	text, shown   string
	declared, key bool
}

// on tells the problem of a message on a channel; "" for none.
func (p problem) on(channel string) string {
	switch {
	case p.text == "":
		return ""
	case p.key:
		return "a key on " + channel + " " + p.text
	default:
		return "a body on " + channel + " " + p.text
	}
}

// decoded is what the codecs of a channel made of a message.
type decoded struct {
	body, key payload.Value
	problem   problem
}

// maskedHeader tells, on a message whose masked body cannot stand in its format,
// what stands there instead: maskedJSON, or why it could not be decoded.
const (
	maskedHeader = "flowcheck-masked"
	maskedJSON   = "json"
	maskedFault  = "malformed "
	maskedLost   = "unknown "
)

// decode decodes the body and the key of a message by the channel's codecs. It
// returns the message as expressions see it: with what its envelope says among
// the headers.
func (in *intake) decode(plan *intakePlan, o *message.Observation) *message.Observation {
	in.decoded = decoded{}
	inner := o
	if plan.body != nil && o.Payload != nil {
		b := payload.Body{Data: o.Payload, Headers: o.Headers, Properties: o.Properties, Line: in.line}
		v, err := in.flow.decodeBody(plan, &b)
		in.decoded.body = v
		in.note(false, in.flow.unmasked(err), o.Payload)
		if len(b.Headers) > len(o.Headers) {
			with := *o
			with.Headers = b.Headers
			inner = &with
		}
	}
	if plan.key != nil && o.Key != nil && !strings.HasPrefix(string(o.Key), maskPrefix) {
		v, err := plan.key.Decode(&payload.Body{Data: o.Key, Headers: o.Headers, Properties: o.Properties, Line: in.line})
		in.decoded.key = v
		in.note(true, err, o.Key)
	} else if o.Key != nil {
		in.decoded.key = payload.OfString(string(o.Key))
	}
	return inner
}

// decodeBody decodes a body, masked or not.
func (f *Flow) decodeBody(plan *intakePlan, b *payload.Body) (payload.Value, error) {
	if what, ok := maskedAs(f, b.Headers); ok {
		switch {
		case what == maskedJSON:
			return payload.Decode(b.Data)
		case strings.HasPrefix(what, maskedLost):
			return payload.Value{}, &payload.Unavailable{Reason: strings.TrimPrefix(what, maskedLost)}
		default:
			return payload.Value{}, &payload.Fault{Reason: strings.TrimPrefix(what, maskedFault)}
		}
	}
	return plan.body.Decode(b)
}

// maskedAs is what the masking of a flow has left of a body; false where it is as
// it was.
func maskedAs(f *Flow, headers []message.Header) (string, bool) {
	if len(f.Mask) == 0 || len(headers) == 0 || headers[len(headers)-1].Name != maskedHeader {
		return "", false
	}
	what, ok := headers[len(headers)-1].Value.(string)
	return what, ok
}

// note notes what is wrong with a body or a key.
func (in *intake) note(key bool, err error, data []byte) {
	if err == nil {
		return
	}
	var lost *payload.Unavailable
	var fault *payload.Fault
	reason := err.Error()
	if within, ok := strings.CutPrefix(reason, "body"); ok && key {
		reason = "key" + within
	}
	p := problem{text: "cannot be decoded: " + reason, shown: payload.Dump(data), declared: true, key: key}
	switch {
	case errors.As(err, &lost):
		in.reduced.lost = lost.Reason
		return
	case errors.As(err, &fault) && fault.Violation:
		p.text, p.shown = "violates its schema: "+reason, fault.Reason
	}
	if in.decoded.problem.text == "" {
		in.decoded.problem = p
	}
}

// keyProblem is what is wrong with the key, where the body needs no codec.
func (in *intake) keyProblem(plan *intakePlan) problem {
	if plan.key == nil {
		return problem{}
	}
	return in.decoded.problem
}

// unmasked is err without the violations of the schema at masked places: what is
// masked there cannot be told any more.
func (f *Flow) unmasked(err error) error {
	var fault *payload.Fault
	if len(f.Mask) == 0 || !errors.As(err, &fault) || !fault.Violation {
		return err
	}
	all := append([]payload.Fault{*fault}, fault.More...)
	all = slices.DeleteFunc(all, func(v payload.Fault) bool {
		return slices.ContainsFunc(f.Mask, func(m Mask) bool { return m.covers(v.Path) })
	})
	if len(all) == 0 {
		return nil
	}
	all[0].More = all[1:]
	return &all[0]
}

// covers reports whether what a path of a fault leads to is masked.
func (m *Mask) covers(path string) bool {
	if len(m.Path) == 0 {
		return false
	}
	var names []string
	for _, name := range strings.Split(path, ".") {
		name, _, _ = strings.Cut(name, "[")
		names = append(names, name)
	}
	return len(names) > len(m.Path) && slices.Equal(names[1:len(m.Path)+1], m.Path)
}

// wholeBody is the decoded body, whatever the channel's format.
func (in *intake) wholeBody(plan *intakePlan, o *message.Observation) (payload.Value, bool) {
	if plan.body != nil {
		return in.decoded.body, in.decoded.problem.text == ""
	}
	v, err := payload.Decode(o.Payload)
	return v, err == nil
}
