package payload

import (
	"encoding/binary"
	"math"
	"time"
)

// The tags of packed values: the kinds, and shorter forms of some.
const (
	packedFalse byte = iota + 100
	packedTrue
	packedFloat32
	packedUnknowable
)

// Pack appends v as a few bytes that Unpack reads. It is for values that are
// kept in large numbers, in memory only: the form may change at any time.
func Pack(b []byte, v Value) []byte {
	switch v.kind {
	case Bool:
		if v.Bool() {
			return append(b, packedTrue)
		}
		return append(b, packedFalse)
	case Int, Duration:
		return binary.AppendVarint(append(b, byte(v.kind)), int64(v.num))
	case Float:
		return packFloat(b, v)
	case Number, String:
		return packText(append(b, byte(v.kind)), v.Text())
	case Time:
		return packTime(b, v.Time())
	case List:
		b = binary.AppendUvarint(append(b, byte(List)), uint64(len(v.List())))
		for _, item := range v.List() {
			b = Pack(b, item)
		}
		return b
	case Object:
		b = binary.AppendUvarint(append(b, byte(Object)), uint64(len(v.Object())))
		for _, m := range v.Object() {
			b = Pack(packText(b, m.Name), m.Value)
		}
		return b
	default:
		if v.IsUnknowable() {
			return append(b, packedUnknowable)
		}
		return append(b, byte(Nil))
	}
}

// packFloat writes four bytes where those are exact.
func packFloat(b []byte, v Value) []byte {
	if short := float32(v.Float()); math.Float64bits(float64(short)) == v.num {
		return binary.LittleEndian.AppendUint32(append(b, packedFloat32), math.Float32bits(short))
	}
	return binary.LittleEndian.AppendUint64(append(b, byte(Float)), v.num)
}

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// packTime keeps the time's offset, in seconds.
func packTime(b []byte, t time.Time) []byte {
	_, offset := t.Zone()
	b = binary.AppendVarint(append(b, byte(Time)), t.Unix())
	b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
	return binary.AppendVarint(b, int64(offset))
}

// Unpack reads what Pack wrote, and returns the bytes behind it. Texts share
// the bytes of b.
func Unpack(b []byte) (v Value, rest []byte) {
	tag := b[0]
	b = b[1:]
	switch tag {
	case packedFalse, packedTrue:
		return OfBool(tag == packedTrue), b
	case packedFloat32:
		return OfFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))), b[4:]
	case byte(Float):
		return OfFloat(math.Float64frombits(binary.LittleEndian.Uint64(b))), b[8:]
	case byte(Int), byte(Duration):
		n, size := binary.Varint(b)
		return Value{num: uint64(n), kind: Kind(tag)}, b[size:]
	case byte(String), byte(Number):
		s, rest := unpackText(b)
		v := OfString(s)
		v.kind = Kind(tag)
		return v, rest
	case byte(Time):
		return unpackTime(b)
	case byte(List):
		return unpackList(b)
	case byte(Object):
		return unpackObject(b)
	case packedUnknowable:
		return Unknowable(), b
	default:
		return Value{}, b
	}
}

func unpackText(b []byte) (string, []byte) {
	n, size := binary.Uvarint(b)
	end := size + int(n)
	return view(b[size:end]), b[end:]
}

func unpackTime(b []byte) (Value, []byte) {
	seconds, n := binary.Varint(b)
	b = b[n:]
	nanos, n := binary.Uvarint(b)
	b = b[n:]
	offset, n := binary.Varint(b)
	t := time.Unix(seconds, int64(nanos)).UTC()
	if offset != 0 {
		t = t.In(time.FixedZone("", int(offset)))
	}
	return OfTime(t), b[n:]
}

func unpackList(b []byte) (Value, []byte) {
	n, size := binary.Uvarint(b)
	b = b[size:]
	items := make([]Value, n)
	for i := range items {
		items[i], b = Unpack(b)
	}
	return OfList(items), b
}

func unpackObject(b []byte) (Value, []byte) {
	n, size := binary.Uvarint(b)
	b = b[size:]
	members := make([]Member, n)
	for i := range members {
		members[i].Name, b = unpackText(b)
		members[i].Value, b = Unpack(b)
	}
	return OfObject(members), b
}
