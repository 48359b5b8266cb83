package flows

import (
	"crypto/sha256"
	"encoding/hex"
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
	f.maskMessage(&masked.Message)
	return &masked
}

func (f *Flow) maskMessage(m *message.Message) {
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
	if len(paths) > 0 && len(m.Payload) > 0 {
		m.Payload = f.maskBody(m.Payload, paths)
	}
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
