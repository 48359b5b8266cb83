package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		// From the year 1 to 9999: the zero time itself means "none".
		return time.Unix(rapid.Int64Range(-62135596799, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
}

func anyBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.Just[[]byte](nil),
		rapid.SliceOf(rapid.Byte()),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
		rapid.SampledFrom([][]byte{{}, []byte("null"), []byte(` {}`), []byte("{}\n"), []byte(`{"a":"\ud800"}`), []byte("[1,\n2]"), []byte(`"é"`)}),
		rapid.Map(anyHeaderValue(3), func(v any) []byte { b, _ := json.Marshal(v); return b }),
	)
}

func anyHeaderValue(depth int) *rapid.Generator[any] {
	text := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return string(b) })
	scalars := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(), text, anyTime().AsAny(),
	)
	if depth == 0 {
		return scalars
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return anyHeaderValue(depth - 1) })
	name := rapid.String().Filter(func(s string) bool { return s != "base64" && s != "time" })
	return rapid.OneOf(scalars, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(name, inner, 0, 4).AsAny())
}

func anyObservation() *rapid.Generator[*Observation] {
	return rapid.Custom(func(t *rapid.T) *Observation {
		o := &Observation{
			Channel:       rapid.StringN(1, 8, -1).Draw(t, "channel"),
			Seen:          anyTime().Draw(t, "seen"),
			ProducerClock: rapid.Bool().Draw(t, "clock"),
			Redelivered:   rapid.Bool().Draw(t, "redelivered"),
			Message:       Message{Key: anyBytes().Draw(t, "key"), Payload: anyBytes().Draw(t, "payload")},
		}
		if rapid.Bool().Draw(t, "timed") {
			o.Time = anyTime().Draw(t, "time")
		}
		o.Position = rapid.SampledFrom([]Position{{}, At(0, 0), At(7, 1<<62), Nth(0), Nth(12), Named("é \"quoted\""), Named("-1"), Named("1@x")}).Draw(t, "position")
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			o.Headers = append(o.Headers, Header{Name: rapid.String().Draw(t, "name"), Value: anyHeaderValue(2).Draw(t, "value")})
		}
		if m := rapid.MapOfN(rapid.String(), anyHeaderValue(1), 0, 3).Draw(t, "properties"); len(m) > 0 {
			o.Properties = m
		}
		return o
	})
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		header := RecordingHeader{Flow: rapid.String().Draw(t, "flow"), Started: anyTime().Draw(t, "started")}
		var events []Event
		for _, o := range rapid.SliceOf(anyObservation()).Draw(t, "observations") {
			events = append(events, Event{Observation: o})
		}
		file := writeAll(t, header, events)
		if n := bytes.Count(file, []byte{'\n'}); n != len(events)+1 || bytes.ContainsRune(file, '\r') {
			t.Fatalf("%d lines for %d events", n, len(events))
		}
		gotHeader, got, err := readAll(iotest.HalfReader(bytes.NewReader(file)))
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		if diff := cmp.Diff(header, gotHeader) + cmp.Diff(events, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, file)
		}
	})
}

// What Decode takes, JSON takes; and what it made is kept by another round.
func FuzzReader(f *testing.F) {
	const header = `{"flowcheck":"recording/1"}` + "\n"
	for _, lines := range [][]byte{benchLines(1), writeAll(f, RecordingHeader{}, everyEvent()), writeAll(f, RecordingHeader{}, contractEvents())} {
		for _, line := range bytes.Split(lines, []byte{'\n'}) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		_, events, err := readAll(strings.NewReader(header + string(lines)))
		for _, line := range bytes.Split(lines, []byte{'\n'}) {
			if len(bytes.TrimSpace(line)) > 0 && err == nil && !json.Valid(line) {
				t.Fatalf("read %q, which is not JSON", line)
			}
		}
		if err != nil {
			return
		}
		for _, e := range events {
			if o := e.Observation; o != nil && o.Seen.IsZero() || e.Mark != nil && e.Mark.Seen.IsZero() {
				return // "0001-01-01T00:00:00Z" is not written
			}
		}
		file := writeAll(t, RecordingHeader{}, events)
		_, again, err := readAll(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		if diff := cmp.Diff(events, again); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	digits := rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,12})?(Z|[+-][0-2][0-35-9]:[0-5][0-9]|)`)
	real := rapid.Custom(func(t *rapid.T) string {
		zone := time.FixedZone("", rapid.IntRange(-1439, 1439).Draw(t, "zone")*60)
		return anyTime().Draw(t, "time").In(zone).Format(time.RFC3339Nano)
	})
	noise := rapid.SampledFrom([]string{"2026-11-22t10:00:00Z", "2026-11-22T10:00:00z", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00.Z", "2026-02-29T10:00:00Z", "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:00:60Z", "2026-04-31T00:00:00Z", "2026-1-22T10:00:00Z", "2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00+00:60", "2026-11-22T10:00:00-0100", "", "Z", "2026-11-22T10:00:0ZZ"})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(digits, real, noise).Draw(t, "text")
		var want time.Time
		wantErr := want.UnmarshalText([]byte(text))
		if strings.HasSuffix(text, "+24:00") || strings.HasSuffix(text, ":60") {
			wantErr = errors.New("time is laxer than RFC 3339 here")
		}
		got, ok := parseTime([]byte(text))
		if ok != (wantErr == nil) || ok && !got.Equal(want) {
			t.Fatalf("%q: got %v %v, want %v %v", text, got, ok, want, wantErr)
		}
	})
}

func TestEventsOfADecoderStayUntilReset(t *testing.T) {
	lines := bytes.Split(bytes.TrimSuffix(writeAll(t, RecordingHeader{}, everyEvent()), []byte{'\n'}), []byte{'\n'})[1:]
	var d Decoder
	for range 3 {
		d.Reset()
		var got []Event
		for range 50 {
			got = got[:0]
			for _, line := range lines {
				e, err := d.Decode(line)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e)
			}
		}
		if diff := cmp.Diff(everyEvent(), got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func TestACloneOutlivesTheNextLine(t *testing.T) {
	const header = `{"flowcheck":"recording/1"}` + "\n"
	first := `{"channel":"a","seen":"2026-11-22T10:00:00Z","position":"one","key":"AAAA","headers":[["AAAA","AAAA\n"]],"properties":{"AAAA":"AAAA"},"body":"AAAA"}`
	r, err := NewReader(strings.NewReader(header + first + "\n" + strings.ReplaceAll(strings.ReplaceAll(first, "AAAA", "BBBB"), "one", "two")))
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	kept := e.Observation.Clone()
	position := e.Observation.Position
	if _, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	if position != Named("one") {
		t.Errorf("the position has become %v", position)
	}
	want := &Observation{Channel: "a", Seen: at("10:00:00"), Position: Named("one"), Message: Message{
		Key: []byte("AAAA"), Headers: []Header{{"AAAA", "AAAA\n"}}, Properties: map[string]any{"AAAA": "AAAA"}, Payload: []byte(`"AAAA"`),
	}}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Line() != 3 {
		t.Errorf("line %d", r.Line())
	}
	if tap := (&Observation{Channel: "a"}).Clone(); tap.Key != nil || tap.Payload != nil || tap.Headers != nil || tap.Properties != nil {
		t.Errorf("got %+v", tap)
	}
}

func TestReaderBoundsItsLines(t *testing.T) {
	const header = `{"flowcheck":"recording/1"}` + "\n"
	line := `{"channel":"a","seen":"2026-11-22T10:00:00Z","text":"` + strings.Repeat("x", 3*readSize) + `"}`
	for _, end := range []string{"", "\n"} {
		r, err := NewReader(strings.NewReader(header + line + end))
		if err != nil {
			t.Fatal(err)
		}
		r.MaxLine = len(line)
		e, err := r.Next()
		if err != nil || len(e.Observation.Payload) != 3*readSize {
			t.Fatalf("at the bound: %v", err)
		}
		if _, err = r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
		r, _ = NewReader(strings.NewReader(header + line + end))
		r.MaxLine = len(line) - 1
		if _, err = r.Next(); err == nil || err.Error() != "line 2: the line is longer than allowed: more than 196662 bytes" {
			t.Fatalf("beyond the bound: %v", err)
		}
	}
}

func TestReaderPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("the disk is gone")
	const start = `{"flowcheck":"recording/1"}` + "\n" + `{"channel":"a",`
	_, _, err := readAll(io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || err.Error() != "line 2: the disk is gone" {
		t.Errorf("got %v", err)
	}
	if _, err = NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err = NewReader(stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// fullDisk takes so many bytes and no more.
type fullDisk struct {
	bytes.Buffer
	room int
	err  error
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n, _ := d.Buffer.Write(p[:min(len(p), d.room)])
	d.room -= n
	if n < len(p) {
		return n, d.err
	}
	return n, nil
}

func TestAFullDiskLeavesWholeLines(t *testing.T) {
	whole := writeAll(t, RecordingHeader{Flow: "f"}, everyEvent())
	noSpace := errors.New("no space left on device")
	for _, failure := range []error{noSpace, nil} {
		for room := range whole {
			disk := &fullDisk{room: room, err: failure}
			w := NewWriter(disk, RecordingHeader{Flow: "f"})
			var err error
			for _, e := range everyEvent() {
				err = w.Write(e)
			}
			if failure != nil && !errors.Is(err, failure) || failure == nil && !errors.Is(err, io.ErrShortWrite) {
				t.Fatalf("room for %d: got %v", room, err)
			}
			kept := whole[:w.Written()]
			if len(kept) > 0 && kept[len(kept)-1] != '\n' || room-len(kept) > len(whole) || bytes.IndexByte(whole[len(kept):], '\n') < room-len(kept) {
				t.Fatalf("room for %d: kept %d bytes", room, len(kept))
			}
			if disk.Len() != room {
				t.Fatalf("room for %d: went on writing after the failure, %d", room, disk.Len())
			}
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	seen := at("10:00:00")
	var nested any = int64(1)
	for range maxTable + 1 {
		nested = []any{nested}
	}
	cases := map[string]Event{
		"recording: an event with neither an observation nor a mark":                    {},
		"recording: an observation without a channel":                                   {Observation: &Observation{Seen: seen}},
		"recording: an observation with neither time nor seen":                          {Observation: &Observation{Channel: "c"}},
		"recording: seen: the year 10000 does not fit RFC 3339":                         {Observation: &Observation{Channel: "c", Seen: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"recording: time: the year -1 does not fit RFC 3339":                            {Observation: &Observation{Channel: "c", Time: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"recording: end mark without a time":                                            {Mark: &Mark{Kind: MarkEnd}},
		`recording: a mark of the unknown kind "x"`:                                     {Mark: &Mark{Kind: "x", Seen: seen}},
		"recording: a scenario mark without a name":                                     {Mark: &Mark{Kind: MarkScenario, Seen: seen}},
		"recording: headers: h: a value of the Go type int8 cannot be written":          {Observation: &Observation{Channel: "c", Seen: seen, Message: Message{Headers: []Header{{"h", int8(1)}}}}},
		"recording: headers: h: tables nested too deep":                                 {Observation: &Observation{Channel: "c", Seen: seen, Message: Message{Headers: []Header{{"h", nested}}}}},
		"recording: properties: p: a value of the Go type []uint8 cannot be written":    {Observation: &Observation{Channel: "c", Seen: seen, Message: Message{Properties: map[string]any{"p": []byte{1}}}}},
		"recording: scenario n: case: a: a value of the Go type int8 cannot be written": {Mark: &Mark{Kind: MarkScenario, Seen: seen, Name: "n", Case: map[string]any{"a": int8(1)}}},
	}
	for want, e := range cases {
		var b bytes.Buffer
		w := NewWriter(&b, RecordingHeader{})
		before := b.Len()
		if err := w.Write(e); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if b.Len() != before {
			t.Errorf("%s: wrote %q", want, b.Bytes()[before:])
		}
		if err := w.Write(Event{Mark: &Mark{Kind: MarkEnd, Seen: seen}}); err != nil {
			t.Errorf("a refused event stops the writer: %v", err)
		}
	}
	w := NewWriter(io.Discard, RecordingHeader{Started: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err := w.Write(Event{Mark: &Mark{Kind: MarkEnd, Seen: seen}}); err == nil {
		t.Error("a header that cannot be written: no error")
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	line := bytes.Split(benchLines(1), []byte{'\n'})[1]
	var d Decoder
	decode := func() {
		d.Reset()
		if _, err := d.Decode(line); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, decode); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}
