package formats

import (
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/jsonschema"
)

// anything is JSON where it is JSON; else there is no body, and nothing is wrong.
type anything struct{}

func openAny(s payload.Setup) (engine, error) {
	if s.Schema.File != "" {
		return nil, fmt.Errorf("what format is %s? Say format: json, avro, protobuf or xml", s.Schema.File)
	}
	return anything{}, nil
}

func (anything) Decode(data []byte, _ []int) (payload.Value, error) {
	v, err := payload.Decode(data)
	if err != nil {
		return payload.Value{}, nil //nolint:nilerr // other text and bytes are legal
	}
	return v, nil
}

func (anything) Encode(v payload.Value) ([]byte, []int, error) {
	return payload.AppendJSON(nil, v), nil, nil
}

// jsonBody is JSON, checked against a schema if there is one.
type jsonBody struct{ schema *jsonschema.Schema }

func openJSON(s payload.Setup) (engine, error) {
	if s.Schema.File == "" {
		return jsonBody{}, nil
	}
	schema, err := localJSONSchema(s)
	return jsonBody{schema}, err
}

func localJSONSchema(s payload.Setup) (*jsonschema.Schema, error) {
	data, err := s.ReadFile(s.Schema.File)
	if err != nil {
		return nil, err
	}
	schema, err := jsonschema.Compile(jsonschema.Source{
		Name: s.Schema.File, Pointer: s.Schema.Message, Text: string(data), ReadFile: s.ReadFile,
	})
	if err != nil {
		return nil, fmt.Errorf("%s is no JSON Schema: %w", s.Schema.File, err)
	}
	return schema, nil
}

// compileJSON makes an engine of a registry's schema.
func compileJSON(s *payload.Schema) (any, error) {
	schema, err := jsonschema.Compile(jsonschema.Source{Name: "schema.json", Text: s.Text, References: s.References})
	return jsonBody{schema}, err
}

// Decode returns the body even where it violates the schema.
func (j jsonBody) Decode(data []byte, _ []int) (payload.Value, error) {
	v, err := payload.Decode(data)
	if err != nil {
		return v, payload.Faultf("%v", err)
	}
	if j.schema == nil {
		return v, nil
	}
	return v, j.schema.Check(v)
}

func (j jsonBody) Encode(v payload.Value) ([]byte, []int, error) {
	return payload.AppendJSON(nil, v), nil, nil
}

// text is a body that is text as a whole.
type text struct{}

func openText(s payload.Setup) (engine, error) { return text{}, noSchema(s) }

func noSchema(s payload.Setup) error {
	if s.Schema.File != "" {
		return fmt.Errorf("format: %s has no schema", s.Format)
	}
	return nil
}

func (text) Decode(data []byte, _ []int) (payload.Value, error) {
	if !utf8.Valid(data) {
		return payload.OfString(base64.StdEncoding.EncodeToString(data)), nil
	}
	return payload.OfString(string(data)), nil
}

func (text) Encode(v payload.Value) ([]byte, []int, error) { return []byte(payload.Plain(v)), nil, nil }

// octets is a body that expressions see in base64.
type octets struct{}

func openBytes(s payload.Setup) (engine, error) { return octets{}, noSchema(s) }

func (octets) Decode(data []byte, _ []int) (payload.Value, error) {
	return payload.OfString(base64.StdEncoding.EncodeToString(data)), nil
}

func (octets) Encode(v payload.Value) ([]byte, []int, error) {
	data, err := base64.StdEncoding.DecodeString(v.Text())
	if err != nil || v.Kind() != payload.String {
		return nil, nil, errors.New("format: bytes wants the body in base64")
	}
	return data, nil, nil
}
