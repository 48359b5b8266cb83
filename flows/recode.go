package flows

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// errOtherwise says that a body could not be written as it was.
var errOtherwise = errors.New("it would be written otherwise than it was, with another schema or in another encoding")

// Recode changes the texts, and the whole numbers, in a body and a key that are no
// text themselves: each is decoded, changed, and encoded as it was. recoded tell
// which of the two it has dealt with; the others are text, and are left alone. What
// cannot be decoded is left as it is. The error says what could not be written again.
func (f *Flow) Recode(t *Trigger, change func(string) string) (body, key bool, err error) {
	ch := &f.Channels[t.Channel]
	m := &t.Message
	if codec := f.codecOf(ch.Name); codec != nil && m.Payload != nil {
		body = true
		if m.Payload, err = recode(codec, m, m.Payload, change); err != nil {
			return body, key, fmt.Errorf("the body: %w", err)
		}
	}
	if codec := ch.intake.key; codec != nil && m.Key != nil {
		key = true
		if m.Key, err = recode(codec, m, m.Key, change); err != nil {
			return body, key, fmt.Errorf("the key: %w", err)
		}
	}
	return body, key, nil
}

// AsText is a key and a body as JSON text where the channel has them in a format that
// is no text, and as they are otherwise, or where they cannot be decoded. It is safe for
// concurrent use.
func (f *Flow) AsText(channel int, o *message.Observation) (key, body []byte) {
	ch := &f.Channels[channel]
	text := func(codec payload.Codec, data []byte) []byte {
		if codec == nil || data == nil {
			return data
		}
		v, err := codec.Decode(&payload.Body{Data: data, Headers: slices.Clone(o.Headers), Properties: o.Properties})
		if err != nil {
			return data
		}
		return payload.AppendJSON(nil, v)
	}
	return text(ch.intake.key, o.Key), text(f.codecOf(ch.Name), o.Payload)
}

func recode(codec payload.Codec, m *message.Message, data []byte, change func(string) string) ([]byte, error) {
	as := func(data []byte) *payload.Body {
		return &payload.Body{Data: data, Headers: slices.Clone(m.Headers), Properties: m.Properties}
	}
	v, err := codec.Decode(as(data))
	if err != nil {
		return data, nil //nolint:nilerr // what nobody can read has no id to be changed
	}
	changed := withTexts(v, change)
	if payload.Equal(v, changed) {
		return data, nil
	}
	same, err := codec.Encode(v)
	if err != nil {
		return nil, err
	}
	again, err := codec.Decode(as(same.Data))
	if err != nil || !payload.Equal(v, again) || !slices.Equal(codec.Needs(as(data)), codec.Needs(as(same.Data))) {
		return nil, errOtherwise
	}
	out, err := codec.Encode(changed)
	if err != nil {
		return nil, err
	}
	return out.Data, nil
}

// withTexts is the value with its texts and whole numbers changed; names stay.
func withTexts(v payload.Value, change func(string) string) payload.Value {
	switch v.Kind() {
	case payload.String:
		return payload.OfString(change(v.Text()))
	case payload.Int:
		if n, err := strconv.ParseInt(change(strconv.FormatInt(v.Int(), 10)), 10, 64); err == nil {
			return payload.OfInt(n)
		}
		return v
	case payload.List:
		items := make([]payload.Value, len(v.List()))
		for i, item := range v.List() {
			items[i] = withTexts(item, change)
		}
		return payload.OfList(items)
	case payload.Object:
		members := make([]payload.Member, len(v.Object()))
		for i, m := range v.Object() {
			members[i] = payload.Member{Name: m.Name, Value: withTexts(m.Value, change)}
		}
		return payload.OfObject(members)
	default:
		return v
	}
}
