// Package avro decodes and encodes Avro: single data, single objects and object
// container files.
//
//	schema text → Compile → Schema.Decode(bytes) → Value
//	                      → Schema.Encode(Value) → bytes
//
// Everything arrives exact: decimals and 64-bit integers with all their digits,
// enums by name, of a union what is in it, dates and times as RFC 3339 text.
package avro

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/flowcheck/flowcheck/payload"
)

// Schema is a compiled Avro schema. It is safe for concurrent use.
type Schema struct {
	schema *avro.Schema
	print  [8]byte // its fingerprint, as a single object has it
}

// Compile compiles a schema. types are schemas whose named types it uses, each
// before those that need it.
func Compile(text string, types ...string) (*Schema, error) {
	var cache avro.SchemaCache
	for _, t := range types {
		if _, err := cache.Parse(t, conversions()...); err != nil {
			return nil, fmt.Errorf("a schema that it refers to: %w", err)
		}
	}
	schema, err := cache.Parse(text, conversions()...)
	if err != nil {
		return nil, err
	}
	s := &Schema{schema: schema}
	copy(s.print[:], schema.Fingerprint(avro.NewRabin()))
	slices.Reverse(s.print[:])
	return s, nil
}

// The bytes that begin a single object and an object container file. Source:
// the Avro specification.
const (
	singleObject = "\xc3\x01"
	container    = "Obj\x01"
)

// maxObjects is how many objects of a container file are read, and maxBlock how
// large a block of it may be, unpacked, in bytes.
const (
	maxObjects = 10_000
	maxBlock   = 64 << 20
)

// Decode decodes a datum, a single object of this schema, or a container file,
// which has its own schema: one object in it is the body, several are a list. The
// error is a *payload.Fault.
func (s *Schema) Decode(data []byte) (payload.Value, error) {
	switch {
	case bytes.HasPrefix(data, []byte(container)):
		return decodeContainer(data)
	case bytes.HasPrefix(data, []byte(singleObject)) && len(data) >= 10 && bytes.Equal(data[2:10], s.print[:]):
		data = data[10:]
	}
	var out any
	rest, err := s.schema.Decode(data, &out)
	if err != nil {
		return payload.Value{}, fault(err)
	}
	if len(rest) > 0 {
		return payload.Value{}, payload.Faultf(
			"it does not fit its schema: %d bytes are left at its end; was it written with another schema?", len(rest))
	}
	return value(out), nil
}

func decodeContainer(data []byte) (payload.Value, error) {
	r, err := ocf.NewReader(bytes.NewReader(data), ocf.WithMaxBlockBytes(maxBlock),
		ocf.WithMaxDecompressedBlockBytes(maxBlock), ocf.WithSchemaOpts(conversions()...))
	if err != nil {
		return payload.Value{}, payload.Faultf("it is no object container file: %v", err)
	}
	var all []payload.Value
	for {
		var out any
		if err := r.Decode(&out); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return payload.Value{}, payload.Faultf("object %d of the container file: %v", len(all)+1, err)
		}
		if len(all) == maxObjects {
			return payload.Value{}, payload.Faultf("the container file has more than %d objects", maxObjects)
		}
		all = append(all, value(out))
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return payload.OfList(all), nil
}

// fault tells what the library found.
func fault(err error) *payload.Fault {
	var short *avro.ShortBufferError
	if errors.As(err, &short) {
		return payload.Faultf("it is cut off, or was written with another schema: %s", strings.TrimPrefix(plain(err), "avro: "))
	}
	return payload.Faultf("it does not fit its schema: %s", plain(err))
}

// plain is an error of the library without the words that it puts before each.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), "avro: ")
	if rest, ok := strings.CutPrefix(text, "unsupported Avro type "); ok {
		if _, why, ok := strings.Cut(rest, ": "); ok {
			return why
		}
	}
	return text
}

// Encode encodes a value. The error names the place that does not fit.
func (s *Schema) Encode(v payload.Value) ([]byte, error) {
	data, err := s.schema.Encode(payload.ToAny(v))
	if err != nil {
		return nil, fmt.Errorf("the body does not fit its schema: %w", err)
	}
	again, err := s.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("the body does not fit its schema: %w", err)
	}
	if path := lost(v, again, "body"); path != "" {
		return nil, fmt.Errorf("%s: the schema has no such field", path)
	}
	return data, nil
}

// lost is the path of a member that v has and its encoding has not; "" for none.
func lost(v, encoded payload.Value, at string) string {
	switch v.Kind() {
	case payload.Object:
		if encoded.Kind() != payload.Object {
			return "" // a union's {"type": value}
		}
		for _, m := range v.Object() {
			path := at + "." + m.Name
			if !slices.ContainsFunc(encoded.Object(), func(e payload.Member) bool { return e.Name == m.Name }) {
				if len(v.Object()) == 1 {
					return lost(m.Value, encoded, path)
				}
				return path
			}
			if below := lost(m.Value, encoded.Member(m.Name), path); below != "" {
				return below
			}
		}
	case payload.List:
		items := encoded.List()
		for i, item := range v.List() {
			if i < len(items) {
				if below := lost(item, items[i], fmt.Sprintf("%s[%d]", at, i)); below != "" {
					return below
				}
			}
		}
	default:
	}
	return ""
}
