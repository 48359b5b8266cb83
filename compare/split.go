package compare

import (
	"encoding/binary"
	"slices"
)

// field is a field of a message: the text of its value, which shares the set's
// memory.
type field struct {
	path  string
	value []byte
}

// splitter takes messages apart, with room that it uses again. It is for one
// goroutine.
type splitter struct {
	raw  []field
	keys []uint64 // of raw: the place of the path among all, then the place in the message
}

// append appends the fields of a message to dst: by path. Of a repeated member the
// last counts.
func (x *splitter) append(dst []field, s *Set, m *held) []field {
	order := s.names.ordered()
	x.raw, x.keys = x.raw[:0], x.keys[:0]
	sorted := true
	for b := s.fields(m); len(b) > 0; {
		id, value, rest := cutField(b)
		key := uint64(order.ranks[id])<<32 | uint64(len(x.raw))
		sorted = sorted && (len(x.keys) == 0 || x.keys[len(x.keys)-1] < key)
		x.raw, x.keys, b = append(x.raw, field{order.paths[id], value}), append(x.keys, key), rest
	}
	if !sorted {
		slices.Sort(x.keys)
	}
	for i, k := range x.keys {
		if i+1 < len(x.keys) && x.keys[i+1]>>32 == k>>32 {
			continue
		}
		dst = append(dst, x.raw[k&(1<<32-1)])
	}
	return dst
}

// cutField takes the first field off.
func cutField(b []byte) (id uint32, value, rest []byte) {
	n, k := binary.Uvarint(b)
	b = b[k:]
	size, k := binary.Uvarint(b)
	b = b[k:]
	return uint32(n), b[:size:size], b[size:]
}

// split takes a message apart.
func (s *Set) split(m *held) []field { return new(splitter).append(nil, s, m) }
