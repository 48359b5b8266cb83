package formats

import (
	"fmt"

	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/asyncapi"
	"github.com/flowcheck/flowcheck/payload/avro"
	"github.com/flowcheck/flowcheck/payload/jsonschema"
	"github.com/flowcheck/flowcheck/payload/protobuf"
)

// openAsyncAPI makes the engine of a message of an AsyncAPI document; false where
// the schema's file is none.
func openAsyncAPI(s payload.Setup) (e engine, isDocument bool, err error) {
	if s.Schema.File == "" || s.ReadFile == nil {
		return nil, false, nil
	}
	data, err := s.ReadFile(s.Schema.File)
	if err != nil || !asyncapi.Is(data) {
		return nil, false, nil //nolint:nilerr // who opens the schema tells it
	}
	doc, err := asyncapi.Read(data)
	if err != nil {
		return nil, true, fmt.Errorf("%s: %w", s.Schema.File, err)
	}
	m, err := doc.Message(s.Schema.Message)
	if err == nil && s.Format != "" && s.Format != m.Format {
		err = fmt.Errorf("its payload is in %s, and the channel says format: %s", m.Format, s.Format)
	}
	if err == nil {
		e, err = messageEngine(doc, m, s)
	}
	if err != nil {
		return nil, true, fmt.Errorf("%s#%s: %w", s.Schema.File, s.Schema.Message, err)
	}
	return e, true, nil
}

func messageEngine(doc *asyncapi.Document, m asyncapi.Message, s payload.Setup) (engine, error) {
	switch m.Format {
	case "avro":
		schema, err := avro.Compile(m.Schema)
		return avroBody{schema}, err
	case "protobuf":
		file, err := protobuf.Compile(protobuf.Source{Name: "message.proto", Text: m.Schema, ReadFile: s.ReadFile, Imports: s.Schema.Imports})
		if err != nil {
			return nil, err
		}
		message, err := file.Message("")
		return protobufBody{message: message}, err
	}
	if m.Pointer == "" {
		return jsonBody{}, nil
	}
	schema, err := jsonschema.Compile(jsonschema.Source{
		Name: s.Schema.File, Pointer: m.Pointer, Doc: doc.Root(), ReadFile: s.ReadFile, Draft7: true,
	})
	return jsonBody{schema}, err
}
