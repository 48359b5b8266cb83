package memory

import (
	"bytes"
	"maps"
	"slices"

	"github.com/flowcheck/flowcheck/message"
)

// clone copies a message through and through, so that neither the publisher
// nor a consumer can change what the broker has.
func clone(m message.Message) message.Message {
	m.Key = bytes.Clone(m.Key)
	m.Payload = bytes.Clone(m.Payload)
	m.Headers = slices.Clone(m.Headers)
	for i, h := range m.Headers {
		m.Headers[i].Value = cloneValue(h.Value)
	}
	m.Properties = maps.Clone(m.Properties)
	for name, v := range m.Properties {
		m.Properties[name] = cloneValue(v)
	}
	return m
}

// cloneValue copies a header's value; only lists and tables can be shared.
func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		list := slices.Clone(v)
		for i := range list {
			list[i] = cloneValue(list[i])
		}
		return list
	case map[string]any:
		table := maps.Clone(v)
		for name := range table {
			table[name] = cloneValue(table[name])
		}
		return table
	default:
		return v
	}
}
