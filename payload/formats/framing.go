package formats

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// framing tells where a body names its schema.
type framing uint8

const (
	framingNone      framing = iota
	framingRegistry          // as Confluent's serializers write it, in the body or a header
	framingConfluent         // the same, written into the body
	framingHeader            // the same, written into a header
	framingGlue              // as AWS Glue's serializers write it
)

func framingOf(s payload.Setup) (framing, error) {
	named := map[string]framing{
		"none": framingNone, "confluent": framingConfluent, "header": framingHeader, "glue": framingGlue,
	}
	f, ok := named[s.Framing]
	switch {
	case s.Framing == "" && s.Registry:
		return framingRegistry, nil
	case s.Framing == "":
		return framingNone, nil
	case !ok:
		return 0, fmt.Errorf("there is no framing %s; there are %s", s.Framing, list(named))
	case s.Registry && f == framingNone:
		return 0, errors.New("framing: none names no schema, so that a registry is of no use: leave one of them out")
	}
	return f, nil
}

// frame is a body without its framing, and what that says.
type frame struct {
	ref     *payload.SchemaRef // nil: it names none
	indexes []int              // of the message in a Protobuf schema
	data    []byte
}

// The magic bytes of Confluent's framing: an id of four bytes follows, or a GUID
// of sixteen. Source: confluent-kafka's SchemaId.
const (
	magicID   = 0
	magicGUID = 1
)

const (
	lengthID   = 4
	lengthGUID = 16
)

// split reads the framing of a body.
func (f framing) split(data []byte, b *payload.Body, key bool) (frame, error) {
	switch f {
	case framingNone:
		return frame{data: data}, nil
	case framingGlue:
		return splitGlue(data)
	default:
	}
	if name, ok := header(b.Headers, headerName(key)); ok {
		out, err := splitConfluent([]byte(name))
		if err != nil {
			return frame{}, payload.Faultf("the header %s names no schema: %v", headerName(key), err)
		}
		if out.indexes, err = allIndexes(out.data); err != nil {
			return frame{}, payload.Faultf("the header %s: %v", headerName(key), err)
		}
		out.data = data
		return out, nil
	}
	out, err := splitConfluent(data)
	if err != nil {
		return frame{}, payload.Faultf("it does not name its schema as Confluent's serializers do, and there is no header %s: %v", headerName(key), err)
	}
	return out, nil
}

// splitConfluent reads a magic byte and what it announces.
func splitConfluent(data []byte) (frame, error) {
	if len(data) == 0 || data[0] != magicID && data[0] != magicGUID {
		return frame{}, errors.New(looksLike(data))
	}
	length := lengthID
	if data[0] == magicGUID {
		length = lengthGUID
	}
	if len(data) < 1+length {
		return frame{}, fmt.Errorf("it is cut off: %d bytes, and a schema's name alone has %d", len(data), 1+length)
	}
	name, rest := data[1:1+length], data[1+length:]
	if length == lengthGUID {
		return frame{ref: &payload.SchemaRef{GUID: guidText(name)}, data: rest}, nil
	}
	id := binary.BigEndian.Uint32(name)
	if id == 0 { // Confluent's registry counts from 1
		return frame{}, errors.New("its schema's id is 0: if it is eight bytes long, as those of Apicurio's serializers are, have them write four (apicurio.registry.as-confluent)")
	}
	return frame{ref: &payload.SchemaRef{ID: int(id)}, data: rest}, nil
}

// guidText spells sixteen bytes as a GUID.
func guidText(b []byte) string {
	h := hex.EncodeToString(b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// allIndexes reads the message indexes that end a header; none are the first.
func allIndexes(data []byte) ([]int, error) {
	if len(data) == 0 {
		return []int{0}, nil
	}
	indexes, rest, err := readIndexes(data)
	if err == nil && len(rest) > 0 {
		err = errors.New("there is more behind the schema's name")
	}
	return indexes, err
}

// maxIndexes is how deep messages of a schema may nest.
const maxIndexes = 64

// readIndexes reads the path to a message in a Protobuf schema: its length and
// the indexes as zigzag varints, where a lone 0 stands for the first message.
func readIndexes(data []byte) (indexes []int, rest []byte, err error) {
	n, used := binary.Varint(data)
	switch {
	case used <= 0:
		return nil, nil, errors.New("the path to its message is cut off")
	case n == 0:
		return []int{0}, data[used:], nil
	case n < 0 || n > maxIndexes:
		return nil, nil, fmt.Errorf("a path of %d indexes to its message", n)
	}
	data = data[used:]
	for range n {
		index, used := binary.Varint(data)
		if used <= 0 {
			return nil, nil, errors.New("the path to its message is cut off")
		}
		if index < 0 || index > 1<<16 {
			return nil, nil, fmt.Errorf("the path to its message has the index %d", index)
		}
		indexes, data = append(indexes, int(index)), data[used:]
	}
	return indexes, data, nil
}

func appendIndexes(b []byte, indexes []int) []byte {
	if len(indexes) == 0 {
		return b
	}
	if len(indexes) == 1 && indexes[0] == 0 {
		return append(b, 0)
	}
	b = binary.AppendVarint(b, int64(len(indexes)))
	for _, i := range indexes {
		b = binary.AppendVarint(b, int64(i))
	}
	return b
}

// named is what a framing says of a schema.
type named struct {
	schema  *payload.Schema
	indexes []int
}

func frameOf(s *payload.Schema, indexes []int) named { return named{s, indexes} }

// join writes the framing of a body.
func (f framing) join(data []byte, n named, key bool) ([]byte, []message.Header, error) {
	if f == framingHeader {
		if n.schema.GUID == "" {
			return nil, nil, errors.New("the registry gives its schemas no GUID, which framing: header needs: say framing: confluent")
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(n.schema.GUID, "-", ""))
		if err != nil || len(raw) != lengthGUID {
			return nil, nil, fmt.Errorf("the registry's GUID %s is none", n.schema.GUID)
		}
		value := appendIndexes(append([]byte{magicGUID}, raw...), n.indexes)
		return data, []message.Header{{Name: headerName(key), Value: string(value)}}, nil
	}
	framed := binary.BigEndian.AppendUint32([]byte{magicID}, uint32(n.schema.ID))
	return append(appendIndexes(framed, n.indexes), data...), nil, nil
}

// headerName is the header in which newer serializers name a schema.
func headerName(key bool) string {
	if key {
		return "__key_schema_id"
	}
	return "__value_schema_id"
}

// header is the last header called name.
func header(headers []message.Header, name string) (string, bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Name == name {
			text, ok := headers[i].Value.(string)
			return text, ok
		}
	}
	return "", false
}

// AWS Glue's framing: a version, a compression, and the UUID of the schema's
// version. Source: AWSSchemaRegistryConstants of aws-glue-schema-registry.
const (
	glueVersion = 3
	gluePlain   = 0
	glueZlib    = 5
	glueLength  = 2 + lengthGUID
)

func splitGlue(data []byte) (frame, error) {
	if len(data) == 0 || data[0] != glueVersion {
		return frame{}, payload.Faultf("it is not in AWS Glue's framing: %s", looksLike(data))
	}
	if len(data) < glueLength {
		return frame{}, payload.Faultf("it is cut off: %d bytes, and AWS Glue's framing alone has %d", len(data), glueLength)
	}
	rest := data[glueLength:]
	switch data[1] {
	case gluePlain:
	case glueZlib:
		var err error
		if rest, err = unzlib(rest); err != nil {
			return frame{}, payload.Faultf("its compressed data is no zlib: %v", err)
		}
	default:
		return frame{}, payload.Faultf("AWS Glue's framing has the unknown compression %d", data[1])
	}
	return frame{ref: &payload.SchemaRef{GUID: guidText(data[2:glueLength])}, data: bytes.Clone(rest)}, nil
}
