package formats

import (
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/protobuf"
)

// protobufBody is Protobuf of one message, or of one file, where the framing says
// of which message.
type protobufBody struct {
	file    *protobuf.File    // nil: message it is
	message *protobuf.Message // to encode; nil with a registry, before named
}

func openProtobuf(s payload.Setup) (engine, error) {
	if s.Schema.File == "" {
		return nil, errors.New("format: protobuf needs a schema: say registry: URL, or schema: FILE.proto#MESSAGE")
	}
	text, err := s.ReadFile(s.Schema.File)
	if err != nil {
		return nil, err
	}
	file, err := protobuf.Compile(protobuf.Source{
		Name: s.Schema.File, Text: string(text), Imports: s.Schema.Imports, ReadFile: s.ReadFile,
	})
	if err != nil {
		return nil, fmt.Errorf("%s does not compile: %w", s.Schema.File, err)
	}
	message, err := file.Message(s.Schema.Message)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: write schema: %s#NAME", s.Schema.File, err, s.Schema.File)
	}
	if s.Framing == "confluent" || s.Framing == "header" {
		return protobufBody{file: file, message: message}, nil
	}
	return protobufBody{message: message}, nil
}

// named is the engine with the message to encode.
func (p protobufBody) named(message string) (engine, error) {
	if p.message != nil {
		return p, nil
	}
	m, err := p.file.Message(message)
	if err != nil {
		return nil, fmt.Errorf("the registry's schema: %w: say schema: { message: NAME }", err)
	}
	return protobufBody{p.file, m}, nil
}

// compileProtobuf makes an engine of a registry's schema.
func compileProtobuf(s *payload.Schema) (any, error) {
	file, err := protobuf.Compile(protobuf.Source{Name: "schema.proto", Text: s.Text, References: s.References})
	if err != nil {
		return nil, err
	}
	return protobufBody{file: file}, nil
}

func (p protobufBody) Decode(data []byte, indexes []int) (payload.Value, error) {
	messages := []*protobuf.Message{p.message}
	if p.file != nil {
		var err error
		if indexes == nil {
			if indexes, data, err = readIndexes(data); err != nil {
				return payload.Value{}, payload.Faultf("%v", err)
			}
		}
		if messages = p.file.At(indexes); len(messages) == 0 {
			return payload.Value{}, payload.Faultf("its schema has no message at %v", indexes)
		}
	}
	v, err := messages[0].Decode(data)
	if err != nil && len(messages) > 1 {
		if other, otherErr := messages[1].Decode(data); otherErr == nil {
			return other, nil
		}
	}
	if err != nil && payload.Valid(data) {
		return v, payload.Faultf("it is JSON, not Protobuf")
	}
	return v, err
}

func (p protobufBody) Encode(v payload.Value) ([]byte, []int, error) {
	data, err := p.message.Encode(v)
	return data, p.message.Indexes(), err
}
