package shadow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// ErrNotKept says that a finding, or what it rests on, is not kept any more.
var ErrNotKept = errors.New("not kept")

// Cut writes the messages that a finding rests on as a recording of its own, from
// the journal and the record of the flow: what was seen of its chain, and the
// evidence; of a gap the message before it, too, and of a percentile all of its
// window. Judged again, it says the same; its triggers can be replayed.
func Cut(to io.Writer, state, id string) (*Record, error) {
	found, err := findRecord(filepath.Join(state, "findings.jsonl"), id)
	if err != nil {
		return nil, err
	}
	c := &piece{want: map[Place]bool{}, seen: map[Place]bool{}, from: found.From, until: found.Until}
	if err := c.chain(filepath.Join(state, "findings.jsonl"), found); err != nil {
		return found, err
	}
	for _, p := range append(found.Evidence, found.Rests...) {
		c.want[p] = true
	}
	if len(c.want) == 0 && c.from == nil {
		return found, fmt.Errorf("%w: the finding %s rests on no message of its own", ErrNotKept, id)
	}
	dir := flowDir(state, found.Flow)
	files, err := c.files(dir)
	if err != nil {
		return found, err
	}
	for _, name := range files {
		if err := c.read(name); err != nil {
			return found, err
		}
	}
	if c.from != nil && len(c.events) == 0 {
		return found, fmt.Errorf("%w: the messages of %s", ErrNotKept, id)
	}
	if missing := len(c.want); missing > 0 {
		return found, fmt.Errorf("%w: %d of the messages of %s; --record-last keeps them for longer", ErrNotKept, missing, id)
	}
	return found, c.write(to)
}

// findRecord finds a finding in the findings file.
func findRecord(name, id string) (*Record, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	defer f.Close()
	var found *Record
	_, err = readLines(f, func(line []byte) error {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("findings: %s is no findings file: %w", name, err)
		}
		if r.ID == id && r.Event == EventFinding {
			found = &r
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s has no finding %s", ErrNotKept, name, id)
	}
	return found, err
}

// piece collects messages of a flow's journal and record.
type piece struct {
	want   map[Place]bool
	seen   map[Place]bool // is among the events
	from   *time.Time     // with until: all of that time is wanted
	until  *time.Time
	told   time.Time // when the last of them was
	header message.RecordingHeader
	events []message.Event
}

// chain wants what each finding of the chain has of it: one that was told later has
// more.
func (c *piece) chain(name string, found *Record) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return fmt.Errorf("findings: %w", err)
	}
	defer f.Close()
	return Records(f, func(r *Record) error {
		if r.ID == found.ID || r.Flow == found.Flow && r.Chain == found.Chain && r.Chain != "" {
			for _, m := range r.Timeline {
				c.want[m.Place] = true
			}
			if r.Time.After(c.told) {
				c.told = r.Time
			}
		}
		return nil
	})
}

// files are the recordings of the folder, the oldest first.
func (c *piece) files(dir string) ([]string, error) {
	var all []string
	for _, pattern := range []string{"record/*.jsonl.zst", "carry-*.journal", "[0-9]*.journal"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s has no journal", ErrNotKept, dir)
	}
	return all, nil
}

// read takes what is wanted of a file, each message once, and the schemas.
func (c *piece) read(name string) error {
	err := scan(name, func(header message.RecordingHeader, e message.Event) bool {
		c.header = header
		c.take(e)
		return true
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *piece) take(e message.Event) {
	switch {
	case e.Observation != nil:
		at := Place{e.Observation.Channel, e.Observation.Position.String()}
		if !c.want[at] && !c.timely(e.Observation, at) {
			return
		}
		delete(c.want, at)
		c.seen[at] = true
		e.Observation = e.Observation.Clone()
	case e.Mark.Kind != message.MarkSchema:
		return
	}
	c.events = append(c.events, e)
}

// maxPiece bounds the messages of a time that are cut out.
const maxPiece = 200_000

// timely reports whether a message is of the time that is wanted, and is not there
// yet.
func (c *piece) timely(o *message.Observation, at Place) bool {
	when := o.Time
	if when.IsZero() {
		when = o.Seen
	}
	if c.from == nil || when.Before(*c.from) || !when.Before(*c.until) || c.seen[at] || len(c.events) >= maxPiece {
		return false
	}
	return true
}

// write writes the recording: it ends when the finding was told, since by then what
// is missing was known to be. That of a window has no end.
func (c *piece) write(to io.Writer) error {
	w := message.NewWriter(to, c.header)
	slices.SortStableFunc(c.events, func(a, b message.Event) int { return seenOf(&a).Compare(seenOf(&b)) })
	for _, e := range c.events {
		if err := w.Write(e); err != nil {
			return err
		}
	}
	if c.from != nil {
		return nil // of what came later nothing is known
	}
	end := c.told
	if n := len(c.events); n > 0 && seenOf(&c.events[n-1]).After(end) {
		end = seenOf(&c.events[n-1])
	}
	return w.Write(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: end}})
}
