package formats

import (
	"fmt"

	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/avro"
)

// avroBody is Avro of one schema.
type avroBody struct{ schema *avro.Schema }

func openAvro(s payload.Setup) (engine, error) {
	if s.Schema.File == "" {
		return nil, fmt.Errorf("format: avro needs a schema: say registry: URL, or schema: FILE.avsc")
	}
	var types []string
	for _, name := range s.Schema.Imports {
		data, err := s.ReadFile(name)
		if err != nil {
			return nil, err
		}
		types = append(types, string(data))
	}
	data, err := s.ReadFile(s.Schema.File)
	if err != nil {
		return nil, err
	}
	schema, err := avro.Compile(string(data), types...)
	if err != nil {
		return nil, fmt.Errorf("%s is no Avro schema: %w", s.Schema.File, err)
	}
	return avroBody{schema}, nil
}

// compileAvro makes an engine of a registry's schema.
func compileAvro(s *payload.Schema) (any, error) {
	types := make([]string, len(s.References))
	for i, r := range s.References {
		types[i] = r.Text
	}
	schema, err := avro.Compile(s.Text, types...)
	return avroBody{schema}, err
}

func (a avroBody) Decode(data []byte, _ []int) (payload.Value, error) {
	v, err := a.schema.Decode(data)
	if err != nil && payload.Valid(data) {
		return v, payload.Faultf("it is JSON, not Avro")
	}
	return v, err
}

func (a avroBody) Encode(v payload.Value) ([]byte, []int, error) {
	data, err := a.schema.Encode(v)
	return data, nil, err
}
