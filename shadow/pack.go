package shadow

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/flowcheck/flowcheck/message"
)

// A file of the journal is a run of blocks, which stand for themselves: a crash
// leaves whole ones, and the beginning of one.
//
//	block:  length u32 · raw length u32 · CRC-32C u32 · records, packed with S2
//	record: its length · recordLine · a line of a recording   (the first: its header)
//	        its length · recordPlain · an observation of which nothing but text is to be told
//
// Numbers are varints; times and offsets count from those of the record before.
const (
	recordLine  = 0
	recordPlain = 1
)

const (
	blockHead = 12
	// blockBytes is how much is packed at once, at least where much comes.
	blockBytes = 64 << 10
	// maxBlock bounds what a block may hold: a line, and what came before it.
	maxBlock = message.DefaultMaxLine + 2*blockBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The bits of a plain record.
const (
	plainTime = 1 << iota
	plainProducer
	plainRedelivered
	plainKey
	plainPayload

	plainBits = 5 // and the position's kind in those above
)

// packer writes a file of the journal. It is for one goroutine.
type packer struct {
	to      io.Writer
	raw     []byte
	packed  []byte
	record  []byte
	lines   *message.Writer // of what is not plain, into line
	line    lineBuffer
	last    stride
	written int64 // bytes that to took
}

// lineBuffer has the last line that was written to it.
type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append((*b)[:0], p...)
	return len(p), nil
}

// stride is what the numbers of a record count from.
type stride struct {
	channels []channelStride
	seen     int64
}

type channelStride struct {
	name         string
	offset, time int64
}

// newPacker begins a file.
func newPacker(to io.Writer, header message.RecordingHeader) *packer {
	p := &packer{to: to}
	p.lines = message.NewWriter(&p.line, header)
	p.putLine()
	return p
}

// write adds an event; what is full goes to the file.
func (p *packer) write(e *message.Event) error {
	if e.Observation == nil || !p.plain(e.Observation) {
		if err := p.lines.Write(*e); err != nil {
			return err
		}
		p.putLine()
	}
	if len(p.raw) < blockBytes {
		return nil
	}
	return p.flush()
}

// putLine adds the line that was written last.
func (p *packer) putLine() {
	p.raw = binary.AppendUvarint(p.raw, uint64(len(p.line)+1))
	p.raw = append(p.raw, recordLine)
	p.raw = append(p.raw, p.line...)
}

// flush packs what there is, and hands it to the file.
func (p *packer) flush() error {
	if len(p.raw) == 0 {
		return nil
	}
	if need := blockHead + s2.MaxEncodedLen(len(p.raw)); cap(p.packed) < need {
		p.packed = make([]byte, need)
	}
	packed := s2.Encode(p.packed[blockHead:cap(p.packed)], p.raw)
	block := p.packed[:blockHead+len(packed)]
	binary.LittleEndian.PutUint32(block, uint32(len(packed)))    //nolint:gosec // at most maxBlock
	binary.LittleEndian.PutUint32(block[4:], uint32(len(p.raw))) //nolint:gosec // likewise
	binary.LittleEndian.PutUint32(block[8:], crc32.Checksum(packed, castagnoli))
	n, err := p.to.Write(block)
	p.written += int64(n)
	p.raw, p.last = p.raw[:0], stride{channels: p.last.channels[:0]}
	if cap(p.raw) > 16*blockBytes {
		p.raw, p.packed = nil, nil
	}
	return err
}

// plain adds an observation; false where it is none that a plain record can hold.
func (p *packer) plain(o *message.Observation) bool {
	if len(o.Properties) > 0 || o.Position.Kind > message.Opaque || !o.Time.IsZero() && !spelled(o.Time) || !spelled(o.Seen) {
		return false
	}
	for i := range o.Headers {
		switch o.Headers[i].Value.(type) {
		case nil, string:
		default:
			return false
		}
	}
	if len(o.Key)+len(o.Payload) > message.DefaultMaxLine/2 {
		return false
	}
	b := append(p.record[:0], recordPlain, plainFlags(o))
	b, c := p.channel(b, o.Channel)
	b = appendPlace(b, o.Position, c)
	if !o.Time.IsZero() {
		b, c.time = appendSince(b, o.Time.UnixNano(), c.time)
	}
	b, p.last.seen = appendSince(b, o.Seen.UnixNano(), p.last.seen)
	if o.Key != nil {
		b = appendBlob(b, o.Key)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Headers)))
	for i := range o.Headers {
		b = appendBlob(b, o.Headers[i].Name)
		if v, ok := o.Headers[i].Value.(string); ok {
			b = append(binary.AppendUvarint(b, uint64(len(v)+1)), v...)
		} else {
			b = append(b, 0)
		}
	}
	p.record = append(b, o.Payload...)
	p.raw = binary.AppendUvarint(p.raw, uint64(len(p.record)))
	p.raw = append(p.raw, p.record...)
	return true
}

// spelled reports whether a time can be written in nanoseconds.
func spelled(t time.Time) bool {
	s := t.Unix()
	return s >= 0 && s < 9e9
}

func plainFlags(o *message.Observation) byte {
	flags := byte(o.Position.Kind) << plainBits
	for i, is := range [...]bool{!o.Time.IsZero(), o.ProducerClock, o.Redelivered, o.Key != nil, o.Payload != nil} {
		if is {
			flags |= 1 << i
		}
	}
	return flags
}

// channel names a channel, by its number in the block, or by the next one and its
// name.
func (p *packer) channel(b []byte, name string) ([]byte, *channelStride) {
	for i := range p.last.channels {
		if c := &p.last.channels[i]; c.name == name {
			return binary.AppendUvarint(b, uint64(i)), c
		}
	}
	b = binary.AppendUvarint(b, uint64(len(p.last.channels)))
	p.last.channels = append(p.last.channels, channelStride{name: name})
	return appendBlob(b, name), &p.last.channels[len(p.last.channels)-1]
}

func appendPlace(b []byte, at message.Position, c *channelStride) []byte {
	switch at.Kind {
	case message.PartitionOffset:
		b = binary.AppendUvarint(b, uint64(uint32(at.Partition))) //nolint:gosec // read back as it was
		b, c.offset = appendSince(b, at.Offset, c.offset)
	case message.Sequence:
		b, c.offset = appendSince(b, at.Offset, c.offset)
	case message.Opaque:
		b = appendBlob(b, at.ID)
	default:
	}
	return b
}

// appendSince writes how far a number is from another; it wraps where that is more
// than a number holds, and so does who reads it.
func appendSince(b []byte, to, from int64) ([]byte, int64) {
	return binary.AppendVarint(b, to-from), to
}

func appendBlob[T []byte | string](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
