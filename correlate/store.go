package correlate

import (
	"encoding/binary"
	"iter"
)

// store keeps packed records, each of which names the one before it in its
// chain. It has no pointers for the garbage collector to follow, and writes one
// record behind the other, so that messages that came together lie together.
//
// The bytes of a record stay as they are for as long as anything refers to them,
// also once it has been removed: a segment is never written over.
type store struct {
	segments []segment // the first is none
	vacant   []ref     // segments that are used no more
	head     ref       // the segment that is written to
	live     int       // bytes of records, held those of segments
	held     int
}

type segment struct {
	data []byte
	live int // bytes of records that were not removed
}

// ref is the place of a record: its segment in the upper half, and where it
// begins there in words of four bytes. 0 is none.
type ref uint32

const (
	segmentSize = 1 << 18 // what half a ref reaches
	maxSegments = 1 << 16
	word        = 4

	// The header of a record is the ref of the one before it and its length, in two
	// bytes or, where that is long, in eight more.
	linkSize    = 4
	shortHeader = linkSize + 2
	longHeader  = shortHeader + 8
	long        = 1<<16 - 1
)

func newStore() store { return store{segments: make([]segment, 1)} }

// add writes a record that follows before. It returns 0 where there is no more
// room: beyond some 16 GB.
func (s *store) add(before ref, record []byte) ref {
	var header [longHeader]byte
	binary.LittleEndian.PutUint32(header[:], uint32(before))
	n := shortHeader
	if len(record) < long {
		binary.LittleEndian.PutUint16(header[linkSize:], uint16(len(record)))
	} else {
		n = longHeader
		binary.LittleEndian.PutUint16(header[linkSize:], long)
		binary.LittleEndian.PutUint64(header[shortHeader:], uint64(len(record)))
	}
	size := n + len(record)
	if s.head == 0 || cap(s.segments[s.head].data)-len(s.segments[s.head].data) < size {
		if s.head = s.open(size); s.head == 0 {
			return 0
		}
	}
	g := &s.segments[s.head]
	at := len(g.data)
	g.data = append(append(g.data, header[:n]...), record...)
	g.data = g.data[:min(aligned(len(g.data)), cap(g.data))]
	g.live += aligned(size)
	s.live += aligned(size)
	return s.head<<16 | ref(at/word)
}

func aligned(n int) int { return (n + word - 1) &^ (word - 1) }

// open begins a segment with room for size bytes, 0 where there are too many.
func (s *store) open(size int) ref {
	if head := s.head; head != 0 && s.segments[head].live == 0 {
		s.close(head)
	}
	var n ref
	switch {
	case len(s.vacant) > 0:
		n = s.vacant[len(s.vacant)-1]
		s.vacant = s.vacant[:len(s.vacant)-1]
	case len(s.segments) < maxSegments:
		n = ref(len(s.segments))
		s.segments = append(s.segments, segment{})
	default:
		return 0
	}
	s.segments[n].data = make([]byte, 0, max(segmentSize, aligned(size)))
	s.held += cap(s.segments[n].data)
	return n
}

// close forgets a segment.
func (s *store) close(n ref) {
	s.held -= cap(s.segments[n].data)
	s.segments[n] = segment{}
	s.vacant = append(s.vacant, n)
}

// get returns a record and the one before it.
func (s *store) get(r ref) (before ref, record []byte) {
	before, start, end := s.bounds(r)
	return before, s.segments[r>>16].data[start:end:end]
}

// peek returns a byte of a record.
func (s *store) peek(r ref) byte { return s.segments[r>>16].data[int(r&0xffff)*word] }

func (s *store) bounds(r ref) (before ref, start, end int) {
	at := int(r&0xffff) * word
	header := s.segments[r>>16].data[at:]
	before, start = ref(binary.LittleEndian.Uint32(header)), at+shortHeader
	size := int(binary.LittleEndian.Uint16(header[linkSize:]))
	if size == long {
		size, start = int(binary.LittleEndian.Uint64(header[shortHeader:])), at+longHeader
	}
	return before, start, start + size
}

// remove gives up a record, and returns the one before it.
func (s *store) remove(r ref) (before ref) {
	before, _, end := s.bounds(r)
	size := aligned(end - int(r&0xffff)*word)
	g := &s.segments[r>>16]
	g.live -= size
	s.live -= size
	if g.live == 0 && r>>16 != s.head {
		s.close(r >> 16)
	}
	return before
}

// all iterates over the records, in the order in which they were written. None
// may have been removed.
func (s *store) all() iter.Seq[ref] {
	return func(yield func(ref) bool) {
		for n := 1; n < len(s.segments); n++ {
			for at := 0; at < len(s.segments[n].data); {
				r := ref(n)<<16 | ref(at/word)
				if !yield(r) {
					return
				}
				_, _, end := s.bounds(r)
				at = aligned(end)
			}
		}
	}
}

// wasteful reports whether more than half of the memory is of records that were
// removed, and it is worth the time to copy the rest.
func (s *store) wasteful() bool { return s.held > 2*s.live+64*segmentSize }
