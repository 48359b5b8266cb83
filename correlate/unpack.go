package correlate

import (
	"encoding/binary"
	"unsafe"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// reader reads what was packed. Texts share its bytes.
type reader struct{ b []byte }

func (r *reader) uint() uint64 {
	if c := r.b[0]; c < 0x80 { // most are
		r.b = r.b[1:]
		return uint64(c)
	}
	n, size := binary.Uvarint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *reader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) byte() byte {
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) flags() uint16 {
	n := binary.LittleEndian.Uint16(r.b)
	r.b = r.b[2:]
	return n
}

func (r *reader) hash() uint64 {
	n := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return n
}

func (r *reader) hashIf(has bool) uint64 {
	if !has {
		return 0
	}
	return r.hash()
}

func (r *reader) text() string {
	n := r.uint()
	s := view(r.b[:n])
	r.b = r.b[n:]
	return s
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// name reads which message the entry is.
func (r *reader) name(e *Entry) (flags uint16) {
	flags = r.flags()
	e.Step, e.Channel = int16(r.int()), int16(r.uint())
	e.Seq = r.uint()
	e.Position = r.position(flags)
	return flags
}

func (r *reader) position(flags uint16) message.Position {
	p := message.Position{Kind: message.PositionKind(flags >> kindShift)}
	if flags&hasPartition != 0 {
		p.Partition = int32(r.int())
	}
	if flags&hasOffset != 0 {
		p.Offset = r.int()
	}
	if flags&hasName != 0 {
		p.ID = r.text()
	}
	return p
}

// entry reads what packEntry wrote. The fields are appended to values, which it
// returns.
func (r *reader) entry(e *Entry, base Instant, values []payload.Value) []payload.Value {
	flags := r.name(e)
	unit := Instant(unitOf(flags))
	e.Time, e.Seen = Never, Never
	from := base
	if flags&hasSeen != 0 {
		e.Seen = base + Instant(r.int())*unit
		from = e.Seen
	}
	if flags&hasTime != 0 {
		e.Time = from - Instant(r.int())*unit
	}
	e.Copy, e.Producer, e.Tombstone, e.HasKey = flags&isCopy != 0, flags&isProducer != 0, flags&isTombstone != 0, flags&hasKey != 0
	e.Body = r.hash()
	e.Key, e.ID, e.Tree = r.hashIf(e.HasKey), r.hashIf(flags&hasID != 0), r.hashIf(flags&hasTree != 0)
	e.Fields, e.Detail = nil, nil
	if flags&hasFields != 0 {
		first := len(values)
		for range r.uint() {
			var v payload.Value
			v, r.b = payload.Unpack(r.b)
			values = append(values, v)
		}
		e.Fields = values[first:len(values):len(values)]
	}
	if flags&hasDetail != 0 {
		e.Detail = r.detail()
	}
	return values
}

func (r *reader) detail() *Detail {
	flags := r.flags()
	d := &Detail{Lifted: flags&1 != 0, OriginAt: r.position(flags)}
	d.Origin, d.Stray, d.Text, d.Shown = int16(r.int()), StrayKind(r.byte()), r.text(), r.text()
	if n := r.uint(); n > 0 {
		d.Payloads = make([]uint64, n)
		for i := range d.Payloads {
			d.Payloads[i] = r.hash()
		}
	}
	return d
}

// id reads what packID wrote: all of the record.
func (r *reader) id() ID {
	name := uint16(r.uint())
	return ID{Name: name, Value: view(r.b)}
}
