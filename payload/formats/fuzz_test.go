package formats

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// seeds are the golden bodies whose names have a part.
func seeds(f *testing.F, part string) (bodies [][]byte) {
	f.Helper()
	for _, file := range []string{"python.json", "java.json"} {
		data, err := os.ReadFile(filepath.Join("testdata/golden", file))
		if err != nil {
			f.Fatal(err)
		}
		var all []struct{ Name, Hex string }
		if err := json.Unmarshal(data, &all); err != nil {
			f.Fatal(err)
		}
		for _, g := range all {
			if body, err := hex.DecodeString(g.Hex); err == nil && strings.Contains(g.Name, part) {
				bodies = append(bodies, body)
			}
		}
	}
	if len(bodies) == 0 {
		f.Fatalf("no golden body is called %s", part)
	}
	return bodies
}

// opened are codecs of the setups, with the golden schemas beside them.
func opened(f *testing.F, setups ...payload.Setup) (codecs []payload.Codec) {
	f.Helper()
	for _, s := range setups {
		s.Channel, s.Topic = "orders", "orders"
		s.ReadFile = func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata/golden", name)) }
		c, err := Open(s)
		if err != nil {
			f.Fatal(err)
		}
		codecs = append(codecs, c)
	}
	return codecs
}

// sound decodes a body: what comes is JSON, or an error that says whose fault it
// is.
func sound(t *testing.T, c payload.Codec, b payload.Body) {
	v, err := c.Decode(&b)
	var fault *payload.Fault
	var lost *payload.Unavailable
	switch {
	case err != nil && !errors.As(err, &fault) && !errors.As(err, &lost):
		t.Errorf("it is neither the body's fault nor the registry's: %v", err)
	case err == nil && !json.Valid(payload.AppendJSON(nil, v)):
		t.Errorf("what it decodes to is no JSON: %q", payload.AppendJSON(nil, v))
	}
}

func fuzzBodies(f *testing.F, part string, setups ...payload.Setup) {
	for _, body := range seeds(f, part) {
		f.Add(body)
	}
	codecs := opened(f, setups...)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range codecs {
			sound(t, c, payload.Body{Data: data})
		}
	})
}

func FuzzAvro(f *testing.F) {
	fuzzBodies(f, "avro", payload.Setup{Schema: payload.SchemaSpec{File: "order.avsc"}})
}

func FuzzProtobuf(f *testing.F) {
	fuzzBodies(f, "protobuf",
		payload.Setup{Schema: payload.SchemaSpec{File: "order.proto#shop.Order"}},
		payload.Setup{Schema: payload.SchemaSpec{File: "order.proto#shop.Order"}, Framing: "confluent"})
}

func FuzzXML(f *testing.F) {
	for _, body := range []string{
		`<order id="o-1"><line><qty>2</qty></line><line/><note xsi:nil="true"/>text</order>`,
		`<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a>1e5</a></s:Body></s:Envelope>`,
		`<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`, `<a><![CDATA[<b>]]></a>`, `<a>&#0;</a>`,
	} {
		f.Add([]byte(body))
	}
	codecs := opened(f, payload.Setup{Format: "xml"})
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, codecs[0], payload.Body{Data: data}) })
}

func FuzzEnvelopes(f *testing.F) {
	for _, body := range seeds(f, "CloudEvent") {
		f.Add(body, "application/cloudevents+json", "e-1")
	}
	f.Add([]byte(`{"message":{"a":1},"messageId":"m","messageType":["urn:a"]}`), "", "")
	f.Add([]byte(`{"detail-type":"x","source":"y","detail":{"a":1},"time":"2026-11-22T10:00:00Z"}`), "", "")
	f.Add([]byte(`{"Body":"eyJhIjoxfQ==","Headers":{"NServiceBus.MessageId":"m"}}`), "", "1.0")
	var setups []payload.Setup
	for _, name := range []string{"cloudevents", "eventbridge", "masstransit", "nservicebus"} {
		setups = append(setups, payload.Setup{Format: "json", Envelope: name})
	}
	codecs := opened(f, setups...)
	f.Fuzz(func(t *testing.T, data []byte, contentType, id string) {
		for _, c := range codecs {
			sound(t, c, payload.Body{Data: data, Headers: []message.Header{
				{Name: "content-type", Value: contentType}, {Name: "ce_id", Value: id}, {Name: "ce_specversion", Value: id},
			}})
		}
	})
}

// FuzzFraming takes schemas' names off bodies, keys and headers.
func FuzzFraming(f *testing.F) {
	for _, body := range seeds(f, "") {
		f.Add(body, []byte{1, 2, 3}, true)
	}
	f.Fuzz(func(t *testing.T, data, header []byte, has bool) {
		b := payload.Body{Data: data}
		if has {
			b.Headers = []message.Header{{Name: "__value_schema_id", Value: string(header)}, {Name: "__key_schema_id", Value: string(header)}}
		}
		for _, f := range []framing{framingNone, framingRegistry, framingConfluent, framingHeader, framingGlue} {
			for _, key := range []bool{false, true} {
				out, err := f.split(data, &b, key)
				var fault *payload.Fault
				if err != nil && !errors.As(err, &fault) {
					t.Errorf("framing %d: %v is no fault of the body", f, err)
				}
				if err == nil && f != framingNone && (out.ref == nil || out.ref.GUID == "" && out.ref.ID < 0) {
					t.Errorf("framing %d names no schema: %+v", f, out)
				}
				_, _, _ = readIndexes(out.data) // it may say what it likes, but has to end
			}
		}
	})
}
