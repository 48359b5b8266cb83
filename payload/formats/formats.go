// Package formats opens the codec of a channel: it puts together what the
// channel says of its bodies.
//
//	bytes → encodings (gzip, base64 …) → envelope → framing (a schema's id) → format → Value
//
// and back for what a scenario sends. Each step is a file here or a package
// beside it; the formats and the envelopes are wired by literal maps.
package formats

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

// engine decodes and encodes bodies by one schema, or by none. It is safe for
// concurrent use. Its errors are what Codec's are.
type engine interface {
	// Decode decodes a body whose framing named the message at indexes.
	Decode(data []byte, indexes []int) (payload.Value, error)
	// Encode returns the indexes that a framing names the message by.
	Encode(v payload.Value) (data []byte, indexes []int, err error)
}

// format is one way to spell a body.
type format struct {
	// open makes the engine of a channel without a registry.
	open func(payload.Setup) (engine, error)
	// schemas is the type that a registry has such schemas under; "" has none.
	schemas string
}

// byName has the formats by their names in a flow file.
func byName() map[string]format {
	return map[string]format{
		"":         {open: openAny},
		"json":     {open: openJSON, schemas: "JSON"},
		"text":     {open: openText},
		"bytes":    {open: openBytes},
		"xml":      {open: openXML},
		"avro":     {open: openAvro, schemas: "AVRO"},
		"protobuf": {open: openProtobuf, schemas: "PROTOBUF"},
	}
}

// Open makes the codec of a channel. It implements payload.Opener.
func Open(s payload.Setup) (payload.Codec, error) {
	if s.Schema.Message == "" {
		s.Schema.File, s.Schema.Message, _ = strings.Cut(s.Schema.File, "#")
	}
	document, isDocument, err := openAsyncAPI(s)
	if err != nil {
		return nil, err
	}
	if s.Format == "" && !s.Registry && !isDocument {
		s.Format = formatOf(s.Schema.File)
	}
	f, ok := byName()[s.Format]
	if !ok {
		return nil, fmt.Errorf("there is no format %s; there are %s", s.Format, list(byName()))
	}
	if spec := s.Schema; !s.Registry && spec.Subject+spec.Version != "" {
		return nil, errors.New("a subject and a version are a registry's: say registry: URL")
	}
	c := &codec{setup: s}
	if c.unpack, err = unpackers(s.Encodings); err != nil {
		return nil, err
	}
	if c.envelope, err = envelopeOf(s.Envelope); err != nil {
		return nil, err
	}
	if c.framing, err = framingOf(s); err != nil {
		return nil, err
	}
	if s.Registry {
		return c, c.useRegistry(f)
	}
	if c.local = document; isDocument {
		return c, nil
	}
	c.local, err = f.open(s)
	return c, err
}

// formatOf is the format that a schema's file is of.
func formatOf(file string) string {
	switch {
	case strings.HasSuffix(file, ".avsc"):
		return "avro"
	case strings.HasSuffix(file, ".proto"):
		return "protobuf"
	case strings.HasSuffix(file, ".json"):
		return "json"
	default:
		return ""
	}
}

// list spells the names of a map.
func list[T any](m map[string]T) string {
	names := slices.Sorted(maps.Keys(m))
	return strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", ")
}
