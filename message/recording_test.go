package message

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readAll reads a recording, keeping a copy of every event.
func readAll(r io.Reader) (RecordingHeader, []Event, error) {
	reader, err := NewReader(r)
	if err != nil {
		return RecordingHeader{}, nil, err
	}
	var events []Event
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return reader.Header(), events, nil
		}
		if err != nil {
			return reader.Header(), events, err
		}
		if e.Observation != nil {
			e.Observation = e.Observation.Clone()
		}
		events = append(events, e)
	}
}

func writeAll(t interface{ Fatal(...any) }, h RecordingHeader, events []Event) []byte {
	var b bytes.Buffer
	w := NewWriter(&b, h)
	for _, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if w.Written() != int64(b.Len()) {
		t.Fatal("Written says ", w.Written(), " of ", b.Len(), " bytes")
	}
	return b.Bytes()
}

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, "2026-11-22T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return t
}

func contractEvents() []Event {
	return []Event{
		{Mark: &Mark{
			Kind: MarkScenario, Seen: at("10:00:00"), Name: "a paid order is shipped",
			IDs: map[string]string{"order": "o-1"}, Outcome: "fulfilled",
		}},
		{Observation: &Observation{
			Channel: "orders", Time: at("10:00:00.001"), Seen: at("10:00:00.004"), Position: At(3, 1042),
			Message: Message{
				Key: []byte("o-1"), Headers: []Header{{Name: "traceparent", Value: "00-…"}}, Payload: []byte(`{"orderId":"o-1"}`),
			},
		}},
		{Observation: &Observation{
			Channel: "dead", Time: at("10:00:01"), Seen: at("10:00:01.5"), Position: Nth(17),
			Message: Message{Headers: []Header{{Name: "x-raw", Value: "\x00\x01"}}, Payload: []byte("not json")},
		}},
		{Mark: &Mark{Kind: MarkGap, Seen: at("10:00:02"), Channel: "payments", Reason: "retention passed the tap"}},
		{Mark: &Mark{Kind: MarkEnd, Seen: at("10:05:00")}},
	}
}

func everyEvent() []Event {
	seen := at("10:00:00")
	plain := func(payload string) Event {
		return Event{Observation: &Observation{Channel: "kafka", Seen: seen, Message: Message{Payload: []byte(payload)}}}
	}
	return []Event{
		{Mark: &Mark{
			Kind: MarkScenario, Seen: seen, Name: "all of it", Outcome: "done", ID: "s-1", IDs: map[string]string{"a": "1", "b": "2"},
			Case: map[string]any{"big": int64(9007199254740993), "half": 0.5, "list": []any{int64(1), nil, true}, "qty": int64(2), "text": "ü"},
		}},
		{Observation: &Observation{
			Channel: "kafka", Time: at("10:00:00.123456789"), ProducerClock: true, Seen: at("10:00:00.2"), Position: At(0, 0),
			Message: Message{
				Key:     []byte{},
				Headers: []Header{{Name: "again", Value: "1"}, {Name: "again", Value: "2"}, {Name: "empty", Value: ""}},
				Payload: []byte(`{ "n" : 1.0 , "s":"\u00e9\/" }`),
			},
		}},
		{Observation: &Observation{Channel: "kafka", Time: seen, Seen: seen, Position: At(0, 1), Message: Message{Key: []byte{0xff}}}},
		plain("null"),
		plain(""),
		plain("{\n  \"pretty\": true\n}\n"),
		plain("\x00\xff"),
		{Observation: &Observation{
			Channel: "amqp", Seen: seen, Position: Nth(1), Redelivered: true,
			Message: Message{
				Headers: []Header{
					{Name: "float", Value: 1.0},
					{Name: "int", Value: int64(-9223372036854775808)},
					{Name: "list", Value: []any{"a", []any{}, map[string]any{}}},
					{Name: "nothing", Value: nil},
					{Name: "table", Value: map[string]any{"at": at("09:59:59"), "count": int64(2), "raw": "\xfe"}},
					{Name: "time", Value: at("09:59:58")},
					{Name: "yes", Value: true},
				},
				Properties: map[string]any{"correlation-id": "c-1", "priority": int64(3)},
				Payload:    []byte("[]"),
			},
		}},
		{Observation: &Observation{
			Channel: "sqs", Seen: seen, Position: Named("0e8c1fbb-9e5b-4c4a-8f8d-1d0a5b9d2f10"), Message: Message{Payload: []byte(`"quoted"`)},
		}},
		{Mark: &Mark{Kind: MarkScenario, Seen: seen, Name: "probed", ID: "s-2", Probe: &ProbeMark{Kinds: []string{"duplicate", "cut"}}}},
		{Mark: &Mark{
			Kind: MarkProbe, Seen: seen, Name: "probed", ID: "s-3", IDs: map[string]string{"a": "3"}, Outcome: "done",
			Probe: &ProbeMark{Does: ProbeBegin, Of: "s-2", Kind: "duplicate", Try: "at once", Grace: 1500 * time.Millisecond},
		}},
		{Mark: &Mark{Kind: MarkProbe, Seen: seen, ID: "s-3", Probe: &ProbeMark{
			Does: ProbeSend, Channel: "kafka", Position: At(1, 2), Digest: "ff", Extra: true, What: "the trigger was sent again",
			As: "s-4", Broken: "cut", Key: "aa",
		}}},
		{Mark: &Mark{Kind: MarkProbe, Seen: seen, ID: "s-3", Probe: &ProbeMark{Does: ProbeEnd, Reason: "it could not"}}},
		{Mark: &Mark{Kind: MarkProbe, Seen: seen, ID: "s-4", Probe: &ProbeMark{Does: ProbeEnd, Reason: "it was too late", Again: true}}},
	}
}

func TestRecordingsReadAndWriteToTheByte(t *testing.T) {
	cases := map[string]struct {
		header RecordingHeader
		events []Event
	}{
		"testdata/contract.jsonl": {
			header: RecordingHeader{
				Flow: "order-fulfilment", Started: at("10:00:00"),
				Brokers: map[string]BrokerIdentity{"events": {Kind: "kafka", ID: "<cluster id>"}},
			},
			events: contractEvents(),
		},
		"testdata/everything.jsonl": {header: RecordingHeader{Flow: "all", Started: at("10:00:00"), Probes: true}, events: everyEvent()},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			header, events, err := readAll(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.header, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			want := c.events
			for _, e := range want {
				if o := e.Observation; o != nil && o.Seen.IsZero() {
					o.Seen = o.Time
				}
			}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(file), string(writeAll(t, c.header, c.events))); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
		})
	}
}

// With more than a line says: the reader's generous side.
func TestReaderIsGenerous(t *testing.T) {
	const header = `{"flowcheck":"recording/1","new":[1]}` + "\n"
	line := func(text string) *Observation {
		t.Helper()
		_, events, err := readAll(strings.NewReader(header + text))
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 {
			t.Fatalf("%s: %d events", text, len(events))
		}
		return events[0].Observation
	}
	full := line(` { "id" : 5, "channel":"c", "name":{}, "position":42 , "time":"2026-11-22T11:00:00+01:00", "new":{"x":[1]},` +
		` "key":null,"headers":null,"text":null,"base64":null,"properties":null,"redelivered":null,"seen":null,"body" : {"a": 1} } ` + "\r\n\n \n")
	want := &Observation{
		Channel: "c", Position: Nth(42), Time: at("10:00:00"), Seen: at("10:00:00"), Message: Message{Payload: []byte(`{"a": 1}`)},
	}
	if diff := cmp.Diff(want, full); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tombstone := line(`{"ch\u0061nnel":"c\u0061","seen":"2026-11-22T10:00:00Z"}`)
	if tombstone.Channel != "ca" || tombstone.Payload != nil || tombstone.Key != nil || tombstone.Headers != nil {
		t.Errorf("got %+v", tombstone)
	}
	if o := line(`{"mark":"from the future","x":1}` + "\n" + `{"channel":"c","seen":"2026-11-22T10:00:00Z"}`); o == nil {
		t.Error("an unknown mark was not passed over")
	}
	if o := line(`{"channel":"c","time":"2026-11-22T10:00:00Z","headers":[["t",{"time":"no time","base64":"no"}],["u",{"time":"noon"}]]}`); o != nil {
		want := []Header{{"t", map[string]any{"time": "no time", "base64": "no"}}, {"u", map[string]any{"time": "noon"}}}
		if diff := cmp.Diff(want, o.Headers); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	const header, seen = `{"flowcheck":"recording/1"}`, `,"seen":"2026-11-22T10:00:00Z"`
	cases := map[string]string{
		"":                                       "not a flowcheck recording: it is empty",
		"flow: orders\n":                         `not a flowcheck recording: the first line is not {"flowcheck":"recording/1",…}`,
		`{"flowcheck":1}`:                        `not a flowcheck recording: the first line is not {"flowcheck":"recording/1",…}`,
		`{"channel":"c"}`:                        `not a flowcheck recording: the first line is not {"flowcheck":"recording/1",…}`,
		`{"flowcheck":"report/1"}`:               `not a flowcheck recording: the first line says "report/1"`,
		`{"flowcheck":"recording/2"}`:            `a recording of version "2", and this flowcheck reads version 1: take a newer flowcheck`,
		strings.Repeat("x", maxHeaderLine+1):     "not a flowcheck recording: the first line is no header",
		header + "\n{}":                          "line 2: no channel and no mark",
		header + "\n[]":                          "line 2: not a JSON object",
		header + "\nhello":                       "line 2: not a JSON object",
		header + "\n" + `{"channel":"c"}`:        "line 2: neither time nor seen",
		header + "\n" + `{"mark":"end"}`:         "line 2: neither time nor seen",
		header + "\n\n" + `{"mark":"end",}`:      "line 3: not JSON: unexpected '}' at byte 15",
		header + "\n" + `{"channel":"c","se`:     "line 2: the recording is cut off in the middle of this line; without it the rest can be read",
		header + "\n" + `{"channel":"` + "\xc3":  "line 2: the recording is cut off in the middle of this line; without it the rest can be read",
		header + "\n" + `{"channel":"c"` + "\n":  "line 2: not JSON: it ends too early, at byte 15",
		header + "\n" + "{\"channel\":\"\xff\"}": "line 2: not JSON: bytes that are no UTF-8 at byte 13",
	}
	fields := map[string]string{
		`"body":1,"text":"1"`:                        "more than one of body, text and base64",
		`"text":"1","base64":""`:                     "more than one of body, text and base64",
		`"body":null,"base64":""`:                    "more than one of body, text and base64",
		`"base64":"no!"`:                             "base64: not base64: illegal base64 data at input byte 2",
		`"base64":1`:                                 "base64: want a string",
		`"text":{}`:                                  "text: want a string",
		`"key":1`:                                    `key: want a string or {"base64":…}`,
		`"key":{"base64":"A"}`:                       "key: not base64: illegal base64 data at input byte 0",
		`"key":{"base64":"AA==","x":1}`:              `key: want a string or {"base64":…}`,
		`"key":{}`:                                   `key: want a string or {"base64":…}`,
		`"time":"yesterday"`:                         `time: "yesterday" is no RFC 3339 time`,
		`"time":5`:                                   "time: want a string",
		`"position":1.5`:                             "position: want a string",
		`"redelivered":1`:                            "redelivered: want true or false",
		`"clock":1`:                                  "clock: want a string",
		`"headers":{"a":"b"}`:                        "headers: want [[name, value], …]",
		`"headers":["a"]`:                            "headers: want [[name, value], …]",
		`"headers":[[]]`:                             "headers: want [[name, value], …]",
		`"headers":[["a"]]`:                          "headers: want [[name, value], …]",
		`"headers":[[1,"a"]]`:                        "headers: want [[name, value], …]",
		`"headers":[["a","b","c"]]`:                  "headers: want [[name, value], …]",
		`"headers":[["a",{"base64":"!"}]]`:           "headers: a: not base64: illegal base64 data at input byte 0",
		`"headers":[["a",[{"base64":"!"}]]]`:         "headers: a: not base64: illegal base64 data at input byte 0",
		`"headers":[["a",1e999]]`:                    "headers: a: 1e999 is beyond a 64-bit float",
		`"properties":[]`:                            "properties: want an object",
		`"properties":{"a":[1e999]}`:                 "properties: a: 1e999 is beyond a 64-bit float",
		`"channel":7`:                                "channel: want a string",
		`"mark":7`:                                   "mark: want a string",
		`"mark":"gap","reason":7`:                    "reason: want a string",
		`"mark":"scenario"`:                          "a scenario mark without a name",
		`"mark":"scenario","name":"n","ids":{"a":1}`: "ids: a: want a string",
		`"mark":"scenario","name":"n","ids":[]`:      "ids: want an object",
		`"mark":"scenario","name":"n","case":[]`:     "case: want an object",

		`"mark":"scenario","name":"n","case":{"a":1e999}`: "case: 1e999 is beyond a 64-bit float",
	}
	for field, want := range fields {
		cases[header+"\n"+`{"channel":"c"`+seen+`,`+field+"}"] = "line 2: " + want
	}
	for file, want := range cases {
		if _, _, err := readAll(strings.NewReader(file)); err == nil || err.Error() != want {
			t.Errorf("%.120q:\n got %v\nwant %s", file, err, want)
		}
	}
}
