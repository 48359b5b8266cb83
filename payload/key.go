package payload

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// AppendKey appends text that is the same for equal values and different for
// others, to serve as the key of a map.
func AppendKey(b []byte, v Value) []byte {
	b, _ = AppendKeyWithin(b, v, math.MaxInt)
	return b
}

// AppendKeyWithin is AppendKey up to about limit bytes; ok is false where that
// was not all.
func AppendKeyWithin(b []byte, v Value, limit int) (key []byte, ok bool) {
	k := keyWriter{b: b, limit: limit}
	k.value(v)
	return k.b, len(k.b) <= limit
}

// keyWriter writes a key until it is too long.
type keyWriter struct {
	b     []byte
	limit int
}

func (k *keyWriter) value(v Value) {
	if len(k.b) > k.limit {
		return
	}
	switch v.kind {
	case Nil:
		k.b = append(k.b, '0')
	case Bool:
		k.b = strconv.AppendBool(k.b, v.Bool())
	case Int, Float, Number:
		k.number(v)
	case Time:
		t := v.Time()
		k.counted('t', int(t.Unix()))
		k.counted('.', t.Nanosecond())
	case Duration:
		k.counted('d', int(v.Duration()))
	case String:
		k.text(v.Text())
	case List:
		k.counted('l', len(v.List()))
		for _, item := range v.List() {
			k.value(item)
		}
	case Object:
		k.object(v)
	}
}

// counted writes a number that ends where the next key begins.
func (k *keyWriter) counted(kind byte, n int) {
	k.b = append(strconv.AppendInt(append(k.b, kind), int64(n), 10), ' ')
}

func (k *keyWriter) text(s string) {
	k.counted('s', len(s))
	k.b = append(k.b, s...)
}

func (k *keyWriter) number(v Value) {
	var buf [64]byte
	d, ok := decimalOf(v, buf[:0])
	if !ok {
		k.text(Plain(v))
		return
	}
	k.b = append(k.b, 'n')
	if d.neg {
		k.b = append(k.b, '-')
	}
	k.b = append(k.b, d.digits...)
	k.counted('e', d.exp)
}

func (k *keyWriter) object(v Value) {
	members := slices.Clone(v.Distinct())
	slices.SortFunc(members, func(x, y Member) int { return cmp.Compare(x.Name, y.Name) })
	k.counted('o', len(members))
	for _, m := range members {
		k.text(m.Name)
		k.value(m.Value)
	}
}
