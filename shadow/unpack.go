package shadow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
	"unsafe"

	"github.com/klauspost/compress/s2"

	"github.com/flowcheck/flowcheck/message"
)

// errTorn says that a file of a journal ends within a block, or in one that never
// reached the disk.
var errTorn = errors.New("a block is not whole")

// unpacker reads a file of the journal. It is for one goroutine.
type unpacker struct {
	from   io.Reader
	header message.RecordingHeader
	whole  int64 // the bytes of the blocks that were read
	// skipped: of the block that is not whole its length is known, and all of it was
	// read.
	skipped bool

	packed, raw []byte
	next        int
	last        stride
	names       map[string]string
	decoder     message.Decoder
	one         message.Observation
}

// newUnpacker reads where a file begins. io.EOF: it has nothing yet.
func newUnpacker(from io.Reader) (*unpacker, error) {
	u := &unpacker{from: from, names: map[string]string{}}
	record, err := u.record()
	if err != nil {
		return nil, err
	}
	if record[0] != recordLine {
		return nil, errors.New("no file of a journal")
	}
	r, err := message.NewReader(bytes.NewReader(record[1:]))
	if err != nil {
		return nil, err
	}
	u.header = r.Header()
	return u, nil
}

// event returns the next event, io.EOF at the end, and errTorn where the last block
// is not whole. An observation is valid until the next call; its Channel and
// Position may be kept, and so may a mark.
func (u *unpacker) event() (e message.Event, err error) {
	for err == nil && e == (message.Event{}) { // a mark that this version does not know is none
		var record []byte
		if record, err = u.record(); err == nil {
			e, err = u.decode(record)
		}
	}
	return e, err
}

func (u *unpacker) decode(record []byte) (message.Event, error) {
	switch record[0] {
	case recordPlain:
		c := cursor{rest: record[1:]}
		u.plain(&c)
		if c.bad {
			return message.Event{}, errors.New("a record is damaged")
		}
		return message.Event{Observation: &u.one}, nil
	case recordLine:
		u.decoder.Reset()
		return u.decoder.Decode(bytes.TrimSuffix(record[1:], []byte("\n")))
	default:
		return message.Event{}, fmt.Errorf("a record of the unknown kind %d", record[0])
	}
}

// record returns the next record, which is not empty.
func (u *unpacker) record() ([]byte, error) {
	if u.next == len(u.raw) {
		if err := u.block(); err != nil {
			return nil, err
		}
	}
	n, size := binary.Uvarint(u.raw[u.next:])
	if size <= 0 || n == 0 || n > uint64(len(u.raw)-u.next-size) {
		return nil, errors.New("a record is damaged")
	}
	record := u.raw[u.next+size : u.next+size+int(n)]
	u.next += size + int(n)
	return record, nil
}

// block reads the next block.
func (u *unpacker) block() error {
	var head [blockHead]byte
	u.skipped = false
	if _, err := io.ReadFull(u.from, head[:]); err != nil {
		return torn(err)
	}
	size, raw := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if size == 0 || raw == 0 || raw > maxBlock || int(size) > s2.MaxEncodedLen(int(raw)) {
		return errTorn
	}
	if cap(u.packed) < int(size) {
		u.packed = make([]byte, size)
	}
	u.packed = u.packed[:size]
	if _, err := io.ReadFull(u.from, u.packed); err != nil {
		if errors.Is(err, io.EOF) {
			return errTorn
		}
		return torn(err)
	}
	u.skipped = true
	if crc32.Checksum(u.packed, castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return errTorn
	}
	if cap(u.raw) < int(raw) {
		u.raw = make([]byte, raw)
	}
	var err error
	if u.raw, err = s2.Decode(u.raw[:cap(u.raw)], u.packed); err != nil || len(u.raw) != int(raw) {
		return errors.New("a block is damaged")
	}
	u.next, u.whole = 0, u.whole+blockHead+int64(size)
	u.last = stride{channels: u.last.channels[:0]}
	return nil
}

func torn(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// plain reads an observation.
func (u *unpacker) plain(c *cursor) {
	flags := c.byte()
	o := &u.one
	*o = message.Observation{
		Message:       message.Message{Headers: o.Headers[:0]},
		ProducerClock: flags&plainProducer != 0, Redelivered: flags&plainRedelivered != 0,
	}
	channel := u.channel(c)
	if c.bad {
		return
	}
	o.Channel, o.Position = channel.name, c.place(message.PositionKind(flags>>plainBits), channel)
	if flags&plainTime != 0 {
		channel.time += c.varint()
		o.Time = time.Unix(0, channel.time).UTC()
	}
	u.last.seen += c.varint()
	o.Seen = time.Unix(0, u.last.seen).UTC()
	if flags&plainKey != 0 {
		o.Key = c.blob()
	}
	for n := c.uvarint(); n > 0 && !c.bad; n-- {
		h := message.Header{Name: view(c.blob())}
		if length := c.uvarint(); length > 0 {
			h.Value = view(c.take(length - 1))
		}
		o.Headers = append(o.Headers, h)
	}
	if flags&plainPayload != 0 {
		o.Payload = c.rest[:len(c.rest):len(c.rest)]
	}
}

// channel reads the number of a channel, and its name where it is new.
func (u *unpacker) channel(c *cursor) *channelStride {
	number := c.uvarint()
	switch have := uint64(len(u.last.channels)); {
	case number > have:
		c.bad = true
		return nil
	case number == have:
		name := c.blob()
		known, ok := u.names[string(name)]
		if !ok {
			known = string(name)
			u.names[known] = known
		}
		u.last.channels = append(u.last.channels, channelStride{name: known})
	}
	return &u.last.channels[number]
}

// cursor reads a record. bad: it is damaged, and what was read since is nothing.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) byte() byte {
	if b := c.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.bad = true
		return nil
	}
	part := c.rest[:n:n]
	c.rest = c.rest[n:]
	return part
}

func (c *cursor) uvarint() uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		c.bad = true
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

// varint reads a number that may be below zero, by encoding/binary's zigzag.
func (c *cursor) varint() int64 {
	n := c.uvarint()
	return int64(n>>1) ^ -int64(n&1) //nolint:gosec // the bits of a signed number
}

func (c *cursor) blob() []byte { return c.take(c.uvarint()) }

// place reads a position of that kind.
func (c *cursor) place(kind message.PositionKind, channel *channelStride) message.Position {
	at := message.Position{Kind: kind}
	switch kind {
	case message.PartitionOffset:
		at.Partition = int32(uint32(c.uvarint())) //nolint:gosec // as it was written
		channel.offset += c.varint()
		at.Offset = channel.offset
	case message.Sequence:
		channel.offset += c.varint()
		at.Offset = channel.offset
	case message.Opaque:
		at.ID = strings.Clone(view(c.blob()))
	default:
	}
	return at
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
