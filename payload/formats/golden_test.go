package formats

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// golden is a body as another language's serializer wrote it; see
// testdata/golden.
type golden struct {
	Name, Hex string
	Format    string
	Framing   string
	Envelope  string
	CEType    string // the header ce_type that the envelope gives
	Headers   [][2]string
	Key       bool
	Schema    *struct {
		Ref, Type, Text, Local string
		References             []payload.Reference
	}
	Want any
}

func goldens(t *testing.T) []golden {
	t.Helper()
	var all []golden
	files, err := filepath.Glob("testdata/golden/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "order.json" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var cases []golden
		if err := d.Decode(&cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			c.Name = strings.TrimSuffix(filepath.Base(file), ".json") + ": " + c.Name
			all = append(all, c)
		}
	}
	if len(all) < 32 {
		t.Fatalf("only %d golden bodies", len(all))
	}
	return all
}

// codec opens the codec of a golden body, with its schema in the book.
func (g golden) codec(t *testing.T) payload.Codec {
	t.Helper()
	s := payload.Setup{
		Channel: "orders", Topic: "orders", Key: g.Key, Book: payload.NewBook(),
		ReadFile: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata/golden", name)) },
	}
	s.Format, s.Framing, s.Envelope = g.Format, g.Framing, g.Envelope
	if g.Schema == nil {
		return open(t, s)
	}
	if g.Schema.Local != "" {
		s.Schema.File = g.Schema.Local
		return open(t, s)
	}
	s.Registry = true
	schema := &payload.Schema{Type: g.Schema.Type, Text: g.Schema.Text, References: g.Schema.References}
	s.Book.Put("orders", g.Schema.Ref, 0, schema, nil)
	return open(t, s)
}

func (g golden) body(t *testing.T) *payload.Body {
	t.Helper()
	data, err := hex.DecodeString(g.Hex)
	if err != nil {
		t.Fatal(err)
	}
	b := &payload.Body{Data: data}
	for _, h := range g.Headers {
		value, err := hex.DecodeString(h[1])
		if err != nil {
			t.Fatal(err)
		}
		b.Headers = append(b.Headers, message.Header{Name: h[0], Value: string(value)})
	}
	return b
}

// wanted turns the "NUMBER 1.10" of a golden file into the number, all digits
// kept, and leaves out nothing else.
func wanted(x any) any {
	switch x := x.(type) {
	case string:
		if number, ok := strings.CutPrefix(x, "NUMBER "); ok {
			return json.Number(number)
		}
	case []any:
		for i := range x {
			x[i] = wanted(x[i])
		}
	case map[string]any:
		for name := range x {
			x[name] = wanted(x[name])
		}
	}
	return x
}

// TestGolden decodes what other languages' serializers wrote.
func TestGolden(t *testing.T) {
	for _, g := range goldens(t) {
		body := g.body(t)
		v, err := g.codec(t).Decode(body)
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if kind, _ := header(body.Headers, "ce_type"); g.CEType != "" && kind != g.CEType {
			t.Errorf("%s: the header ce_type is %q", g.Name, kind)
		}
		d := json.NewDecoder(bytes.NewReader(payload.AppendJSON(nil, v)))
		d.UseNumber()
		var got any
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if want := wanted(g.Want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", g.Name, got, want)
		}
	}
}

// TestGoldenCutOff: no golden body, cut off or bent anywhere, makes a codec panic,
// and what it then says is a Fault.
func TestGoldenCutOff(t *testing.T) {
	for _, g := range goldens(t) {
		c, whole := g.codec(t), g.body(t)
		for i := 0; i < len(whole.Data); i += 1 + len(whole.Data)/40 {
			for _, data := range [][]byte{whole.Data[:i], append(bytes.Clone(whole.Data), 0), bent(whole.Data, i)} {
				_, err := c.Decode(&payload.Body{Data: data, Headers: whole.Headers})
				var fault *payload.Fault
				var lost *payload.Unavailable
				if err != nil && !errors.As(err, &fault) && !errors.As(err, &lost) {
					t.Errorf("%s, cut off at %d: %v", g.Name, i, err)
				}
			}
		}
	}
}

func bent(data []byte, i int) []byte {
	data = bytes.Clone(data)
	data[i] ^= 0x55
	return data
}
