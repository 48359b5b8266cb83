package flows

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// maskPrefix begins what stands for a masked value, so that masking twice is
// masking once.
const maskPrefix = "masked:"

// Masked returns the observation with the parts that mask: names replaced by
// salted hashes: equal values stay equal, so that ids tie and checks for
// equality hold. The observation itself is not changed. Taps mask before
// anything else sees the message.
//
// A body that is not JSON is replaced whole where a path into bodies is masked:
// it may hold the value anywhere.
func (f *Flow) Masked(o *message.Observation) *message.Observation {
	if len(f.Mask) == 0 {
		return o
	}
	masked := *o
	f.maskMessage(&masked.Message, f.codecOf(o.Channel))
	return &masked
}

// codecOf is the codec of a channel's bodies; nil where JSON is all they can be.
func (f *Flow) codecOf(channel string) payload.Codec {
	for i := range f.Channels {
		if ch := &f.Channels[i]; ch.Name == channel && !ch.intake.jsonText {
			return ch.intake.body
		}
	}
	return nil
}

func (f *Flow) maskMessage(m *message.Message, codec payload.Codec) {
	var paths [][]string
	for i := range f.Mask {
		k := &f.Mask[i]
		switch {
		case k.Key:
			if m.Key != nil {
				m.Key = []byte(f.hash(string(m.Key)))
			}
		case k.Header != "":
			f.maskHeader(m, k.Header)
		default:
			paths = append(paths, k.Path)
		}
	}
	switch {
	case len(paths) == 0 || len(m.Payload) == 0:
	case codec != nil:
		f.maskDecoded(m, codec, paths)
	default:
		m.Payload = f.maskBody(m.Payload, paths)
	}
}

// maskDecoded masks a body that is no JSON text: what it was decoded to stands in
// its place, as JSON, and a header says so.
func (f *Flow) maskDecoded(m *message.Message, codec payload.Codec, paths [][]string) {
	if _, masked := maskedAs(f, m.Headers); masked {
		return
	}
	b := payload.Body{Data: m.Payload, Headers: m.Headers, Properties: m.Properties}
	tree, err := codec.Decode(&b)
	err = f.unmasked(err)
	what := maskedJSON
	var lost *payload.Unavailable
	var fault *payload.Fault
	switch {
	case errors.As(err, &lost):
		what = maskedLost + lost.Reason
	case errors.As(err, &fault) && fault.Violation: // its reason may tell the value
		what = maskedFault + "it violates its schema at " + fault.Path
	case err != nil:
		what = maskedFault + err.Error()
	}
	m.Headers = append(slices.Clone(b.Headers), message.Header{Name: maskedHeader, Value: what})
	if err != nil {
		m.Payload = []byte(f.hash(string(m.Payload)))
		return
	}
	for _, path := range paths {
		tree, _ = f.maskPath(tree, path)
	}
	m.Payload = payload.AppendJSON(nil, tree)
}

func (f *Flow) maskHeader(m *message.Message, name string) {
	for i := range m.Headers {
		if m.Headers[i].Name != name || m.Headers[i].Value == nil {
			continue
		}
		m.Headers = slices.Clone(m.Headers)
		m.Headers[i].Value = f.hash(headerText(m.Headers[i].Value).Text())
	}
}

func (f *Flow) maskBody(body []byte, paths [][]string) []byte {
	tree, err := payload.Decode(body)
	if err != nil {
		if strings.HasPrefix(string(body), maskPrefix) {
			return body
		}
		return []byte(f.hash(string(body)))
	}
	changed := false
	for _, path := range paths {
		var hit bool
		tree, hit = f.maskPath(tree, path)
		changed = changed || hit
	}
	if !changed {
		return body
	}
	return payload.AppendJSON(nil, tree)
}

// maskPath masks what the path leads to; a list on the way stands for all its
// items.
func (f *Flow) maskPath(v payload.Value, path []string) (payload.Value, bool) {
	if items := v.List(); items != nil {
		masked, hit := make([]payload.Value, len(items)), false
		for i, item := range items {
			var one bool
			masked[i], one = f.maskPath(item, path)
			hit = hit || one
		}
		return payload.OfList(masked), hit
	}
	if len(path) == 0 {
		if v.IsNil() {
			return v, false
		}
		return payload.OfString(f.hash(payload.Plain(v))), true
	}
	members, hit := slices.Clone(v.Object()), false
	for i := range members {
		if members[i].Name == path[0] {
			var one bool
			members[i].Value, one = f.maskPath(members[i].Value, path[1:])
			hit = hit || one
		}
	}
	if !hit {
		return v, false
	}
	return payload.OfObject(members), true
}

func (f *Flow) hash(value string) string {
	if strings.HasPrefix(value, maskPrefix) {
		return value
	}
	sum := sha256.Sum256([]byte(f.maskSalt + value))
	return maskPrefix + hex.EncodeToString(sum[:8])
}
