package flows

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// headerField reads headers, headersAll, headerInt and headerUUID.
func headerField(f expression.Field, o *message.Observation) payload.Value {
	if len(f.Path) == 0 {
		return allHeaders(f.Source == expression.HeadersAll, o)
	}
	name := f.Path[0].Name
	if f.Source == expression.HeadersAll {
		return payload.OfList(headerTexts(o.HeaderAll(name)))
	}
	v, ok := o.Header(name)
	if !ok {
		return payload.Value{}
	}
	switch f.Source {
	case expression.HeaderInt:
		return headerInt(v)
	case expression.HeaderUUID:
		return headerUUID(v)
	default:
		return headerText(v)
	}
}

func headerTexts(values []any) []payload.Value {
	all := make([]payload.Value, len(values))
	for i, v := range values {
		all[i] = headerText(v)
	}
	return all
}

// allHeaders is the headers as one object: of each name the last value, or all.
func allHeaders(all bool, o *message.Observation) payload.Value {
	var members []payload.Member
	for i, h := range o.Headers {
		later := false
		for _, other := range o.Headers[i+1:] {
			later = later || other.Name == h.Name
		}
		switch {
		case later:
		case all:
			members = append(members, payload.Member{
				Name: h.Name, Value: payload.OfList(headerTexts(o.HeaderAll(h.Name))),
			})
		default:
			members = append(members, payload.Member{Name: h.Name, Value: headerText(h.Value)})
		}
	}
	return payload.OfObject(members)
}

// headerText is a header as expressions see it: text always, numbers in decimal.
func headerText(v any) payload.Value {
	switch v := v.(type) {
	case nil:
		return payload.Value{}
	case string:
		return textOf(v)
	case int64:
		return payload.OfString(strconv.FormatInt(v, 10))
	case float64:
		return payload.OfString(strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		return payload.OfString(strconv.FormatBool(v))
	case time.Time:
		return payload.OfString(v.UTC().Format(time.RFC3339Nano))
	default:
		return payload.OfString(string(payload.AppendJSON(nil, payload.FromAny(v))))
	}
}

// headerInt reads a header of 1, 2, 4 or 8 raw bytes as a big-endian integer,
// and a number or its decimal text as it is.
func headerInt(v any) payload.Value {
	switch v := v.(type) {
	case int64:
		return payload.OfInt(v)
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return payload.OfInt(n)
		}
		switch b := []byte(v); len(b) {
		case 1:
			return payload.OfInt(int64(int8(b[0])))
		case 2:
			return payload.OfInt(int64(int16(binary.BigEndian.Uint16(b))))
		case 4:
			return payload.OfInt(int64(int32(binary.BigEndian.Uint32(b))))
		case 8:
			return payload.OfInt(int64(binary.BigEndian.Uint64(b)))
		}
	}
	return payload.Value{}
}

// headerUUID reads a header of 16 raw bytes as a UUID; text stays as it is.
func headerUUID(v any) payload.Value {
	s, ok := v.(string)
	if !ok {
		return payload.Value{}
	}
	if len(s) != 16 {
		return textOf(s)
	}
	h := hex.EncodeToString([]byte(s))
	return payload.OfString(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

func propertyField(f expression.Field, o *message.Observation) payload.Value {
	if len(f.Path) == 0 {
		all := make(map[string]any, len(o.Properties))
		for name, v := range o.Properties {
			all[name] = v
		}
		return payload.FromAny(all)
	}
	v, ok := o.Properties[f.Path[0].Name]
	if !ok {
		return payload.Value{}
	}
	if s, ok := v.(string); ok {
		return textOf(s)
	}
	return payload.FromAny(v)
}

// instantOfValue reads what a channel's time: expression came to: a time, RFC
// 3339 text, or a number of seconds or milliseconds since 1970.
func instantOfValue(v payload.Value) correlate.Instant {
	switch v.Kind() {
	case payload.Time:
		return correlate.InstantOf(v.Time())
	case payload.String:
		t, err := time.Parse(time.RFC3339Nano, v.Text())
		if err != nil {
			return correlate.Never
		}
		return correlate.InstantOf(t)
	case payload.Int:
		if v.Int() > 1e11 {
			return correlate.Instant(v.Int() * int64(time.Millisecond))
		}
		return correlate.Instant(v.Int() * int64(time.Second))
	case payload.Float:
		return correlate.Instant(v.Float() * float64(time.Second))
	default:
		return correlate.Never
	}
}
