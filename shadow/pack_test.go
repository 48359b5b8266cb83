package shadow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// someEvents are of every form that an event of a tap may have.
func someEvents(n int, rng *rand.Rand) []message.Event {
	text := func() []byte {
		switch rng.IntN(4) {
		case 0:
			return nil
		case 1:
			return []byte{}
		case 2:
			return fmt.Appendf(nil, `{"order":"o-%d","note":"as long as messages are, and as alike"}`, rng.IntN(50))
		default:
			b := make([]byte, rng.IntN(40))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			return b
		}
	}
	places := []func() message.Position{
		func() message.Position { return message.Position{} },
		func() message.Position { return message.At(rng.Int32(), rng.Int64()) },
		func() message.Position { return message.Nth(rng.Int64N(1000)) },
		func() message.Position { return message.Named(fmt.Sprintf("id-%d", rng.IntN(1000))) },
	}
	values := []any{"", "text", nil, "\xff", int64(7), 2.5, true}
	var all []message.Event
	for range n {
		at := time.Unix(0, rng.Int64N(8e18)).UTC()
		if rng.IntN(20) == 0 {
			all = append(all, message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: "a", Seen: at, Reason: "why"}})
			continue
		}
		o := &message.Observation{
			Message: message.Message{Key: text(), Payload: text()}, Channel: string(rune('a' + rng.IntN(5))), Position: places[rng.IntN(4)](),
			Time: at, Seen: time.Unix(0, rng.Int64N(8e18)).UTC(), ProducerClock: rng.IntN(2) == 0, Redelivered: rng.IntN(2) == 0,
		}
		switch rng.IntN(8) {
		case 0:
			o.Time = time.Time{}
		case 2:
			o.Time = time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC)
		case 3:
			o.Properties = map[string]any{"message-id": "m"}
		}
		for range rng.IntN(3) {
			o.Headers = append(o.Headers, message.Header{Name: fmt.Sprintf("h-%d", rng.IntN(3)), Value: values[rng.IntN(len(values))]})
		}
		all = append(all, message.Event{Observation: o})
	}
	return all
}

func packed(t *testing.T, events []message.Event) []byte {
	t.Helper()
	var file bytes.Buffer
	p := newPacker(&file, message.RecordingHeader{Flow: "f", Started: time.Unix(1, 0).UTC()})
	for i := range events {
		if err := p.write(&events[i]); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.flush(); err != nil || p.written != int64(file.Len()) {
		t.Fatalf("%d bytes of %d (%v)", p.written, file.Len(), err)
	}
	return file.Bytes()
}

// unpacked are the events of a file, and how it ends.
func unpacked(from io.Reader) (all []message.Event, err error) {
	u, err := newUnpacker(from)
	for err == nil {
		var e message.Event
		if e, err = u.event(); err != nil {
			break
		}
		if e.Observation != nil {
			e.Observation = e.Observation.Clone()
		}
		all = append(all, e)
	}
	return all, err
}

// same reports whether the events are the same, to the last bit.
func same(a, b []message.Event) bool {
	clean := func(all []message.Event) (out []any) {
		for _, e := range all {
			if e.Mark != nil {
				out = append(out, *e.Mark)
				continue
			}
			o := *e.Observation
			if len(o.Headers) == 0 {
				o.Headers = nil
			}
			if len(o.Properties) == 0 {
				o.Properties = nil
			}
			out = append(out, o)
		}
		return out
	}
	return reflect.DeepEqual(clean(a), clean(b))
}

// TestAPackedJournalIsWhatWasWritten, to the last bit, large messages too.
func TestAPackedJournalIsWhatWasWritten(t *testing.T) {
	events := someEvents(3000, rand.New(rand.NewPCG(3, 4)))
	large := bytes.Repeat([]byte("large "), 1<<20)
	events = append(events, message.Event{Observation: &message.Observation{Channel: "b", Seen: time.Unix(9, 0).UTC(), Message: message.Message{Payload: large}}})
	got, err := unpacked(bytes.NewReader(packed(t, events)))
	if !errors.Is(err, io.EOF) || !same(got, events) {
		t.Fatalf("%d of %d events, or others (%v)", len(got), len(events), err)
	}
}

// TestADamagedJournal: what a crash has left of a file is read as far as it is
// whole; what is damaged though more follows is an error; nothing is a panic.
func TestADamagedJournal(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	events := someEvents(400, rng)
	file := packed(t, events)
	name := filepath.Join(t.TempDir(), "1.journal")
	for range 300 {
		cut := bytes.Clone(file[:rng.IntN(len(file))])
		if err := os.WriteFile(name, cut, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := repair(name); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpacked(bytes.NewReader(whole))
		if !errors.Is(err, io.EOF) || !same(got, events[:len(got)]) || len(got)%100 != 0 {
			t.Fatalf("of %d bytes %d events (%v)", len(cut), len(got), err)
		}
		broken := bytes.Clone(file)
		broken[rng.IntN(len(file))] ^= 1 << rng.IntN(8)
		if got, err := unpacked(bytes.NewReader(broken)); errors.Is(err, io.EOF) || len(got) >= len(events) {
			t.Fatalf("a bit is other, and all %d events are read", len(got))
		}
	}
	broken := bytes.Clone(file)
	broken[40]++ // in the first block, behind which others are whole
	if err := os.WriteFile(name, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := repair(name); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadFile(name); err != nil || len(left) != len(file) {
		t.Fatalf("%d of %d bytes are left (%v)", len(left), len(file), err)
	}
}
