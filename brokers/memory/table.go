package memory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// amqp makes of a message what AMQP 0-9-1 carries of it: no key, a body that is
// never nil, headers as a table: each name once, sorted, timestamps in whole
// seconds. It fails on what a table cannot hold.
func amqp(m message.Message) (message.Message, error) {
	m = clone(m)
	m.Key = nil
	if m.Payload == nil {
		m.Payload = []byte{}
	}
	slices.SortStableFunc(m.Headers, func(a, b message.Header) int { return strings.Compare(a.Name, b.Name) })
	for i, h := range m.Headers {
		if i > 0 && m.Headers[i-1].Name == h.Name {
			return m, fmt.Errorf("header %q twice: an AMQP message has each name once", h.Name)
		}
		v, err := field(h.Value)
		if err != nil {
			return m, fmt.Errorf("header %q: %w", h.Name, err)
		}
		m.Headers[i].Value = v
	}
	return m, nil
}

// field makes of a value what an AMQP table holds of it, in place.
func field(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case nil, string, int64, float64, bool:
		return v, nil
	case time.Time:
		return v.UTC().Truncate(time.Second), nil
	case []any:
		for i := range v {
			if v[i], err = field(v[i]); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any:
		for name := range v {
			if v[name], err = field(v[name]); err != nil {
				return nil, err
			}
		}
		return v, nil
	default:
		return nil, fmt.Errorf("an AMQP table cannot hold a %T", v)
	}
}
