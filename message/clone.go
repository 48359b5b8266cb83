package message

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// Clone copies an observation, so that it outlives the Reader's next line.
// Tables and lists among the headers are shared: nobody changes those.
func (o *Observation) Clone() *Observation {
	c := *o
	c.Scan = 0 // it is of the bytes that are left behind
	c.Key = bytes.Clone(o.Key)
	c.Payload = bytes.Clone(o.Payload)
	c.Headers = slices.Clone(o.Headers)
	for i, h := range c.Headers {
		c.Headers[i] = Header{Name: strings.Clone(h.Name), Value: cloneText(h.Value)}
	}
	c.Properties = maps.Clone(o.Properties)
	for name, v := range c.Properties {
		c.Properties[name] = cloneText(v)
	}
	return &c
}

// cloneText copies v if it is a string.
func cloneText(v any) any {
	if s, ok := v.(string); ok {
		return strings.Clone(s)
	}
	return v
}
