package correlate

import (
	"encoding/binary"
	"time"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// What a packed entry has; the position's kind stands above them.
const (
	hasTime = 1 << iota
	hasSeen
	inMillis // both, if at all, in whole milliseconds
	isCopy
	isProducer
	isTombstone
	hasKey
	hasID
	hasTree
	hasFields
	hasDetail
	hasPartition
	hasOffset
	hasName
	kindShift = 14
)

// packEntry appends e in some thirty bytes and its fields. Times count from base.
func packEntry(b []byte, e *Entry, base Instant) []byte {
	flags := flagsOf(e, base)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.AppendVarint(b, int64(e.Step))
	b = binary.AppendUvarint(b, uint64(e.Channel))
	b = binary.AppendUvarint(b, e.Seq)
	b = packPosition(b, flags, &e.Position)
	unit := unitOf(flags)
	from := base
	if flags&hasSeen != 0 {
		b = binary.AppendVarint(b, int64(e.Seen-base)/unit)
		from = e.Seen
	}
	if flags&hasTime != 0 {
		b = binary.AppendVarint(b, int64(from-e.Time)/unit)
	}
	b = binary.LittleEndian.AppendUint64(b, e.Body)
	if flags&hasKey != 0 {
		b = binary.LittleEndian.AppendUint64(b, e.Key)
	}
	if flags&hasID != 0 {
		b = binary.LittleEndian.AppendUint64(b, e.ID)
	}
	if flags&hasTree != 0 {
		b = binary.LittleEndian.AppendUint64(b, e.Tree)
	}
	if flags&hasFields != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Fields)))
		for _, v := range e.Fields {
			b = payload.Pack(b, v)
		}
	}
	if flags&hasDetail != 0 {
		b = packDetail(b, e.Detail)
	}
	return b
}

func flagsOf(e *Entry, base Instant) uint16 {
	flags := positionFlags(&e.Position)
	for _, f := range [...]struct {
		is   bool
		flag uint16
	}{
		{e.Time != Never, hasTime},
		{e.Seen != Never, hasSeen},
		{inMillisFrom(e.Time, base) && inMillisFrom(e.Seen, base), inMillis},
		{e.Copy, isCopy},
		{e.Producer, isProducer},
		{e.Tombstone, isTombstone},
		{e.HasKey, hasKey},
		{e.ID != 0, hasID},
		{e.Tree != 0, hasTree},
		{len(e.Fields) > 0, hasFields},
		{e.Detail != nil, hasDetail},
	} {
		if f.is {
			flags |= f.flag
		}
	}
	return flags
}

func positionFlags(p *message.Position) uint16 {
	flags := uint16(p.Kind) << kindShift
	if p.Partition != 0 {
		flags |= hasPartition
	}
	if p.Offset != 0 {
		flags |= hasOffset
	}
	if p.ID != "" {
		flags |= hasName
	}
	return flags
}

// inMillisFrom reports whether what lies between two instants can be told in
// milliseconds.
func inMillisFrom(t, base Instant) bool {
	const far = 1 << 62 // two that are nearer differ by less than an int64 holds
	return t == Never || t%Instant(time.Millisecond) == base%Instant(time.Millisecond) && -far < t && t < far && -far < base && base < far
}

func unitOf(flags uint16) int64 {
	if flags&inMillis != 0 {
		return int64(time.Millisecond)
	}
	return 1
}

func packPosition(b []byte, flags uint16, p *message.Position) []byte {
	if flags&hasPartition != 0 {
		b = binary.AppendVarint(b, int64(p.Partition))
	}
	if flags&hasOffset != 0 {
		b = binary.AppendVarint(b, p.Offset)
	}
	if flags&hasName != 0 {
		b = packText(b, p.ID)
	}
	return b
}

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// packDetail appends what few entries have.
func packDetail(b []byte, d *Detail) []byte {
	flags := positionFlags(&d.OriginAt)
	if d.Lifted {
		flags |= 1
	}
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = packPosition(b, flags, &d.OriginAt)
	b = binary.AppendVarint(b, int64(d.Origin))
	b = append(b, byte(d.Stray))
	b = packText(packText(b, d.Text), d.Shown)
	b = binary.AppendUvarint(b, uint64(len(d.Payloads)))
	for _, hash := range d.Payloads {
		b = binary.LittleEndian.AppendUint64(b, hash)
	}
	return b
}

// packID appends an id.
func packID(b []byte, id ID) []byte {
	return append(binary.AppendUvarint(b, uint64(id.Name)), id.Value...)
}
