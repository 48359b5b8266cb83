package shadow

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// journal is what one flow's taps have told, on the disk: files one after the
// other, the segments, and before them what older ones have left that is still
// needed, carried over. The manifest says which files count, packer what is in
// them.
//
//	carry-7.journal  8.journal  9.journal  10.journal ← written
//
// A goroutine of its own writes it, see writer.
type journal struct {
	dir      string
	header   message.RecordingHeader
	manifest manifest
	before   flows.ChainCounts // of the chains that are in no file any more, when it was opened
	places   places            // after all that was read
	ids      ids               // likewise
	schemas  schemas           // likewise
	alive    time.Time         // the last event read

	mu       sync.Mutex
	segments []segment // ascending; the last is written, once there is a writer
}

// manifest is what of the folder counts, and what the rest of the watch has left:
// the chains that are in no file any more.
type manifest struct {
	Version int                          `json:"version"`
	Flow    string                       `json:"flow"`
	Started time.Time                    `json:"started"`
	Carry   string                       `json:"carry,omitempty"`
	First   int                          `json:"first"` // the number of the first segment
	Chains  flows.ChainCounts            `json:"chains"`
	Sample  float64                      `json:"sample,omitempty"`
	Brokers map[string]map[string]string `json:"brokers,omitempty"`
}

const manifestVersion = 2

// segment is a closed file of the journal.
type segment struct {
	number int
	bytes  int64
	last   correlate.Instant // when its last event was seen
	chains flows.ChainCounts // released, whose last message is in it
}

func (j *journal) segmentName(number int) string {
	return filepath.Join(j.dir, fmt.Sprintf("%08d.journal", number))
}

func (j *journal) carryName() string { return filepath.Join(j.dir, j.manifest.Carry) }

// openJournal opens the folder, or makes it. Files that the manifest does not
// name are removed: a crash has left them.
func openJournal(dir, flow string, now time.Time) (*journal, error) {
	j := &journal{dir: dir, places: places{}, ids: ids{}, schemas: schemas{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	name := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(filepath.Clean(name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		j.manifest = manifest{Version: manifestVersion, Flow: flow, Started: now, First: 1}
		err = writeJSON(name, &j.manifest)
	case err == nil:
		err = json.Unmarshal(data, &j.manifest)
		if err == nil && j.manifest.Version != manifestVersion {
			err = fmt.Errorf("%s is of version %d; this flowcheck knows %d: give it another --state", name, j.manifest.Version, manifestVersion)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if j.manifest.Chains.Outcomes == nil {
		j.manifest.Chains.Outcomes = map[string]int{}
	}
	j.before = flows.ChainCounts{Outcomes: map[string]int{}}
	add(&j.before, &j.manifest.Chains)
	j.header = message.RecordingHeader{Flow: flow, Started: j.manifest.Started}
	if err := j.list(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return j, nil
}

// list finds the segments, and removes what does not count.
func (j *journal) list() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var number int
		_, scanErr := fmt.Sscanf(e.Name(), "%08d.journal", &number)
		switch {
		case e.IsDir() || e.Name() == "manifest.json" || e.Name() == j.manifest.Carry:
		case scanErr == nil && number >= j.manifest.First && strings.HasSuffix(e.Name(), ".journal"):
			j.segments = append(j.segments, segment{number: number, last: correlate.Never, chains: flows.ChainCounts{Outcomes: map[string]int{}}})
		case scanErr == nil || strings.HasPrefix(e.Name(), "carry-") || strings.HasSuffix(e.Name(), ".tmp"):
			if err := os.Remove(filepath.Join(j.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(j.segments, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	return nil
}

// resumed reports whether there was a watch before.
func (j *journal) resumed() bool { return len(j.segments) > 0 }

// replay reads the journal into a Live.
func (j *journal) replay(live *flows.Live) error {
	if j.manifest.Carry != "" {
		err := j.read(j.carryName(), live, func(e message.Event) {
			j.ids.take(e.Observation)
			j.schemas.take(&e)
			live.Carry(e)
		})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	for i := range j.segments {
		s := &j.segments[i]
		name := j.segmentName(s.number)
		if i == len(j.segments)-1 {
			if err := repair(name); err != nil {
				return fmt.Errorf("%w: %w", ErrState, err)
			}
		}
		err := j.read(name, live, func(e message.Event) {
			at := seenOf(&e)
			j.alive = at
			j.mu.Lock()
			s.last = max(s.last, correlate.InstantOf(at))
			j.mu.Unlock()
			j.places.take(&e)
			j.ids.take(e.Observation)
			j.schemas.take(&e)
			live.Add(e)
		})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
		if info, err := os.Stat(name); err == nil {
			s.bytes = info.Size()
		}
		live.Sweep(s.last)
	}
	return nil
}

func seenOf(e *message.Event) time.Time {
	if e.Observation != nil {
		return e.Observation.Seen
	}
	return e.Mark.Seen
}

// read gives each event of a file. One that has not even a whole header is empty.
func (j *journal) read(name string, live *flows.Live, take func(message.Event)) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	from, err := newUnpacker(bufio.NewReaderSize(f, readAhead))
	for n := 0; err == nil; n++ {
		var e message.Event
		if e, err = from.event(); err != nil {
			break
		}
		take(e)
		if n%sweepEvents == 0 {
			live.Sweep(correlate.InstantOf(seenOf(&e)))
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("%s is damaged: %w; move the folder away to begin anew", name, err)
}

// readAhead is how much of a file is read at once.
const readAhead = 256 << 10

// sweepEvents is how many events pass between two looks, while many come.
const sweepEvents = 4096

// repair cuts the last segment to its last whole block: what was being written
// when the process died, and that nothing rests on. A block that is damaged though
// a whole one follows is left, for who reads it to tell.
func repair(name string) error {
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	blocks := unpacker{from: bufio.NewReaderSize(f, readAhead)}
	for err == nil {
		err = blocks.block()
	}
	if !errors.Is(err, errTorn) {
		return nil // io.EOF, or what cannot be read
	}
	size := blocks.whole
	if after := size + blockHead + int64(len(blocks.packed)); blocks.skipped {
		if _, err := f.Seek(after, io.SeekStart); err != nil {
			return err
		}
		if next := (unpacker{from: f}); next.block() == nil {
			return nil
		}
	}
	return f.Truncate(size)
}

// released counts a chain that is forgotten with the segment that has its last
// message, or where that is gone, with the first, so that it leaves the journal
// together with its messages.
func (j *journal) released(last correlate.Instant, outcome string, state flows.State) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.segments {
		if s := &j.segments[i]; last <= s.last {
			s.chains.Add(outcome, state, 1)
			return
		}
	}
}

// carry writes what of the old carry and of the first n segments is needed into a
// new carry, names it in the manifest, and removes the old. It is given a copy of
// what it needs, so that it may run beside the writer.
func (j *journal) carry(old manifest, segments []segment, need map[flows.Evidence]bool) (manifest, error) {
	last := segments[len(segments)-1].number
	next := old
	next.First = last + 1
	next.Carry = fmt.Sprintf("carry-%08d.journal", last)
	next.Chains = flows.ChainCounts{Outcomes: map[string]int{}}
	add(&next.Chains, &old.Chains)
	for i := range segments {
		add(&next.Chains, &segments[i].chains)
	}
	err := replace(filepath.Join(j.dir, next.Carry), func(f *os.File) error {
		out := newPacker(f, j.header)
		names := []string{}
		if old.Carry != "" {
			names = append(names, filepath.Join(j.dir, old.Carry))
		}
		for i := range segments {
			names = append(names, j.segmentName(segments[i].number))
		}
		for _, name := range names {
			if err := copyNeeded(name, out, need); err != nil {
				return err
			}
		}
		return out.flush()
	})
	if err == nil {
		err = writeJSON(filepath.Join(j.dir, "manifest.json"), &next)
	}
	return next, err
}

// maxCarriedMarks bounds the gaps and times away that are carried.
const maxCarriedMarks = 4096

// copyNeeded copies the messages that are needed, and the words of the taps that
// judging may need.
func copyNeeded(name string, to *packer, need map[flows.Evidence]bool) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer f.Close()
	from, err := newUnpacker(bufio.NewReaderSize(f, readAhead))
	marks := 0
	for {
		var e message.Event
		if err == nil {
			e, err = from.event()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !needed(&e, need) {
			continue
		}
		if e.Mark != nil {
			if marks++; marks > maxCarriedMarks {
				continue
			}
		}
		if err := to.write(&e); err != nil {
			return err
		}
	}
}

// needed reports whether a carry takes an event.
func needed(e *message.Event, need map[flows.Evidence]bool) bool {
	if e.Observation != nil {
		return need[flows.Evidence{Channel: e.Observation.Channel, Position: e.Observation.Position}]
	}
	switch e.Mark.Kind {
	case message.MarkGap, message.MarkAway, message.MarkBack, message.MarkSchema:
		return len(need) > 0
	default:
		return false
	}
}

// add adds the counts of b to a.
func add(a, b *flows.ChainCounts) {
	a.Total, a.Pass, a.Fail, a.Unknown = a.Total+b.Total, a.Pass+b.Pass, a.Fail+b.Fail, a.Unknown+b.Unknown
	for name, n := range b.Outcomes {
		a.Outcomes[name] += n
	}
}
