package formats

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/jsonschema"
)

// codec is a channel's codec. It is immutable, but for the Book.
type codec struct {
	setup    payload.Setup
	unpack   []unpacker // the outermost first
	envelope *envelope  // nil: none
	framing  framing

	local engine // nil with a registry
	// With a registry: the type that its schemas must have, "" for any, and a
	// schema that bodies must satisfy beside theirs.
	schemas string
	also    *jsonschema.Schema
}

// useRegistry prepares a codec whose schemas come from a registry.
func (c *codec) useRegistry(f format) error {
	c.schemas = f.schemas
	s := c.setup
	switch {
	case c.framing == framingGlue:
		return errors.New("the registry of AWS Glue is not asked: leave registry: out, and name a local file by schema: FILE")
	case s.Format != "" && f.schemas == "":
		return fmt.Errorf("format: %s has no schemas in a registry", s.Format)
	case s.Schema.File == "":
		return nil
	case s.Format != "json":
		return errors.New("schema: names a file, and registry: has the schemas: leave one of them out, or name a subject by schema: { subject: … }")
	}
	var err error
	c.also, err = localJSONSchema(s)
	return err
}

// Decode implements payload.Codec.
func (c *codec) Decode(b *payload.Body) (payload.Value, error) {
	data, err := c.open(b)
	if err != nil {
		return payload.Value{}, err
	}
	if data == nil {
		return payload.Value{}, nil // an event without data
	}
	f, err := c.framing.split(data, b, c.setup.Key)
	if err != nil {
		return payload.Value{}, err
	}
	e, err := c.engine(f.ref, b.Line)
	if err != nil {
		return payload.Value{}, err
	}
	v, err := e.Decode(f.data, f.indexes)
	if c.also != nil && err == nil {
		err = c.also.Check(v)
	}
	return v, err
}

// open takes off what is around a body.
func (c *codec) open(b *payload.Body) ([]byte, error) {
	data := b.Data
	for _, u := range c.unpack {
		unpacked, err := u.unpack(data)
		if err != nil {
			return nil, payload.Faultf("it is no %s: %v", u.name, err)
		}
		data = unpacked
	}
	if c.envelope == nil {
		return data, nil
	}
	return c.envelope.open(data, b)
}

// engine is what decodes a body that names a schema.
func (c *codec) engine(ref *payload.SchemaRef, line int) (engine, error) {
	if c.local != nil {
		return c.local, nil
	}
	s, err := c.setup.Book.Find(c.setup.Channel, ref.String(), line)
	if err != nil {
		return nil, err
	}
	if c.schemas != "" && s.Type != c.schemas {
		return nil, payload.Faultf("schema %s is of the type %s, and the channel says format: %s", ref, s.Type, c.setup.Format)
	}
	compiled, err := s.Compiled(compileAny)
	if err != nil {
		return nil, &payload.Unavailable{Reason: fmt.Sprintf("schema %s of the registry cannot be used: %v", ref, err)}
	}
	return compiled.(engine), nil
}

// compileAny makes an engine of a registry's schema.
func compileAny(s *payload.Schema) (any, error) {
	compile, ok := byType()[s.Type]
	if !ok {
		return nil, fmt.Errorf("its type is %s; there are %s", s.Type, list(byType()))
	}
	return compile(s)
}

// byType has what compiles a registry's schemas.
func byType() map[string]func(*payload.Schema) (any, error) {
	return map[string]func(*payload.Schema) (any, error){
		"JSON": compileJSON, "AVRO": compileAvro, "PROTOBUF": compileProtobuf,
	}
}

// IsJSONText implements payload.JSONText.
func (c *codec) IsJSONText() bool {
	_, isJSON := c.local.(jsonBody)
	return isJSON && c.envelope == nil && c.framing == framingNone && len(c.unpack) == 0
}

// Encode implements payload.Codec.
func (c *codec) Encode(v payload.Value) (payload.Encoded, error) {
	if c.envelope != nil && (c.envelope.within == nil || !c.envelope.within(v)) {
		return payload.Encoded{Data: c.packed(payload.AppendJSON(nil, v)), ContentType: c.envelope.contentType}, nil
	}
	ref := c.subject()
	e, err := c.engine(&ref, 0)
	if err != nil {
		return payload.Encoded{}, err
	}
	if c.framing != framingNone && !c.setup.Registry {
		return payload.Encoded{}, errors.New("the framing names a schema by the registry's id, and the channel has no registry: say registry: URL, or write the bytes by base64: TEXT")
	}
	if n, ok := e.(interface {
		named(message string) (engine, error)
	}); ok {
		if e, err = n.named(c.setup.Schema.Message); err != nil {
			return payload.Encoded{}, err
		}
	}
	data, indexes, err := e.Encode(v)
	if err != nil {
		return payload.Encoded{}, err
	}
	var headers []message.Header
	if c.setup.Registry {
		s, err := c.setup.Book.Find(c.setup.Channel, ref.String(), 0)
		if err != nil {
			return payload.Encoded{}, err
		}
		if data, headers, err = c.framing.join(data, frameOf(s, indexes), c.setup.Key); err != nil {
			return payload.Encoded{}, err
		}
	}
	return payload.Encoded{Data: c.packed(data), Headers: headers}, nil
}

// packed puts the encodings around a body.
func (c *codec) packed(data []byte) []byte {
	for _, u := range slices.Backward(c.unpack) {
		data = u.pack(data)
	}
	return data
}

// subject is the schema that encoding takes.
func (c *codec) subject() payload.SchemaRef {
	suffix := "-value"
	if c.setup.Key {
		suffix = "-key"
	}
	return payload.SchemaRef{
		Subject: cmp.Or(c.setup.Schema.Subject, c.setup.Topic+suffix), Version: c.setup.Schema.Version,
	}
}

// Needs implements payload.Codec.
func (c *codec) Needs(b *payload.Body) []payload.SchemaRef {
	if !c.setup.Registry {
		return nil
	}
	if b == nil {
		return []payload.SchemaRef{c.subject()}
	}
	inner := *b
	data, err := c.open(&inner)
	if err != nil || data == nil {
		return nil
	}
	f, err := c.framing.split(data, &inner, c.setup.Key)
	if err != nil || f.ref == nil {
		return nil
	}
	return []payload.SchemaRef{*f.ref}
}

// looksLike names what a body seems to be that is not what it should be.
func looksLike(data []byte) string {
	switch trimmed := bytes.TrimSpace(data); {
	case len(trimmed) == 0:
		return "it is empty"
	case payload.Valid(trimmed):
		return "it is JSON"
	case trimmed[0] == '<':
		return "it looks like XML"
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return "it is gzip: say encoding: gzip"
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "it is zstd: say encoding: zstd"
	case data[0] == 3 && len(data) > 18 && (data[1] == 0 || data[1] == 5):
		return "it looks like AWS Glue's framing: say framing: glue"
	default:
		return fmt.Sprintf("it begins with %02x", data[0])
	}
}
