package formats

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/flowcheck/flowcheck/payload"
)

func open(t *testing.T, s payload.Setup) payload.Codec {
	t.Helper()
	c, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func decode(c payload.Codec, data []byte) (string, error) {
	v, err := c.Decode(&payload.Body{Data: data})
	return payload.Plain(v), err
}

func TestEncodingsGoBothWays(t *testing.T) {
	for _, names := range [][]string{{"gzip"}, {"zlib"}, {"snappy"}, {"zstd"}, {"base64"}, {"base64", "gzip"}, {"zstd", "base64"}} {
		c := open(t, payload.Setup{Format: "json", Encodings: names})
		want := payload.OfObject([]payload.Member{{Name: "id", Value: payload.OfInt(1 << 62)}})
		e, err := c.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(e.Data, []byte(`{"id"`)) {
			t.Errorf("%v: %q is not encoded", names, e.Data)
		}
		if got, err := decode(c, e.Data); got != payload.Plain(want) || err != nil {
			t.Errorf("%v: got %s, %v", names, got, err)
		}
	}
}

// TestBombs: what unpacks to more than may be is refused, and not kept in memory.
func TestBombs(t *testing.T) {
	huge := make([]byte, maxUnpacked+1)
	for _, name := range []string{"gzip", "zlib", "snappy", "zstd"} {
		all, err := unpackers([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		packed := all[0].pack(huge)
		if len(packed) > maxUnpacked/10 {
			t.Fatalf("%s: %d bytes are no bomb", name, len(packed))
		}
		_, err = all[0].unpack(packed)
		if !errors.Is(err, errTooLarge) && (err == nil || !strings.Contains(err.Error(), "window size")) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := unsnappy([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}); err == nil {
		t.Error("snappy: a length of 4 GiB passes")
	}
}

func TestSnappyStream(t *testing.T) {
	var b bytes.Buffer
	w := s2.NewWriter(&b, s2.WriterSnappyCompat())
	if _, err := w.Write([]byte(`{"id":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := decode(open(t, payload.Setup{Encodings: []string{"snappy"}}), b.Bytes()); got != `{"id":1}` || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

// FuzzDecode: no bytes, however they are read, make a codec panic, and what is
// wrong with them is a Fault.
func FuzzDecode(f *testing.F) {
	seeds := []string{"", "{}", "<a/>", "<a><b>1</b><b/></a>", "\x1f\x8b", "AAAA", "\x00\x00\x00\x00\x01{}", "\x03\x05aaaaaaaaaaaaaaaaaaaa"}
	for i, s := range seeds {
		f.Add([]byte(s), byte(i))
	}
	setups := []payload.Setup{
		{Format: "xml"},
		{Format: "json"},
		{Format: "text"},
		{Format: "bytes"},
		{},
		{Encodings: []string{"gzip"}},
		{Encodings: []string{"zlib"}},
		{Encodings: []string{"snappy"}},
		{Encodings: []string{"zstd"}},
		{Encodings: []string{"base64"}},
		{Framing: "glue"},
		{Framing: "confluent"},
		{Framing: "header"},
	}
	var codecs []payload.Codec
	for _, s := range setups {
		c, err := Open(s)
		if err != nil {
			f.Fatal(err)
		}
		codecs = append(codecs, c)
	}
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		_, err := codecs[int(which)%len(codecs)].Decode(&payload.Body{Data: data})
		var fault *payload.Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("got %v", err)
		}
	})
}
