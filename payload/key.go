package payload

import (
	"cmp"
	"slices"
	"strconv"
)

// AppendKey appends text that is the same for equal values and different for
// others, to serve as the key of a map.
func AppendKey(b []byte, v Value) []byte {
	switch v.kind {
	case Int, Float, Number:
		return appendNumberKey(append(b, 'n'), v)
	case Time:
		t := v.Time()
		b = strconv.AppendInt(append(b, 't'), t.Unix(), 10)
		return strconv.AppendInt(append(b, '.'), int64(t.Nanosecond()), 10)
	case Duration:
		return strconv.AppendInt(append(b, 'd'), int64(v.Duration()), 10)
	case String:
		b = strconv.AppendInt(append(b, 's'), int64(v.num), 10)
		return append(append(b, ':'), v.Text()...)
	case List:
		b = strconv.AppendInt(append(b, 'l'), int64(len(v.List())), 10)
		for _, item := range v.List() {
			b = AppendKey(append(b, ' '), item)
		}
		return b
	case Object:
		return appendObjectKey(b, v)
	case Bool:
		return strconv.AppendBool(b, v.Bool())
	}
	return append(b, '0')
}

func appendNumberKey(b []byte, v Value) []byte {
	var buf [64]byte
	d, ok := decimalOf(v, buf[:0])
	if !ok {
		return append(b, Plain(v)...)
	}
	if d.neg {
		b = append(b, '-')
	}
	b = strconv.AppendInt(append(append(b, d.digits...), 'e'), int64(d.exp), 10)
	return b
}

func appendObjectKey(b []byte, v Value) []byte {
	members := slices.Clone(v.Distinct())
	slices.SortFunc(members, func(x, y Member) int { return cmp.Compare(x.Name, y.Name) })
	b = strconv.AppendInt(append(b, 'o'), int64(len(members)), 10)
	for _, m := range members {
		b = AppendKey(append(b, ' '), OfString(m.Name))
		b = AppendKey(append(b, '='), m.Value)
	}
	return b
}
