package flows

import (
	"path/filepath"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// compileCodecs opens the codecs of a channel's bodies and keys, where its format
// alone does not tell how they are read.
func (c *compiler) compileCodecs(from *source.Channel, to *Channel) {
	to.Registry = c.registry(from.Registry)
	body := c.setup(from, from.Schema)
	body.Format, body.Framing = from.Format.Value, from.Framing.Value
	body.Encodings = c.texts(from.Encoding)
	if from.Envelope.IsSet() && from.Envelope.Kind != source.Bool {
		body.Envelope = from.Envelope.Text.Value
	}
	plain := map[string]bool{"": true, "json": true, "text": true, "bytes": true}[body.Format]
	if !plain || from.Registry != nil || from.Schema != nil || body.Framing+body.Envelope != "" || len(body.Encodings) > 0 {
		to.intake.body = c.codec(from, from.Schema, body)
		if j, ok := to.intake.body.(payload.JSONText); ok {
			to.intake.jsonText = j.IsJSONText()
		}
	}
	key := c.setup(from, from.KeySchema)
	key.Key, key.Format = true, from.KeyFormat.Value
	switch {
	case key.Format == "text":
	case key.Format != "":
		if key.Registry && !map[string]bool{"json": true, "avro": true, "protobuf": true}[key.Format] {
			key.Registry = false
		}
		if key.Registry {
			key.Framing = from.Framing.Value
		}
		to.intake.key = c.codec(from, from.KeySchema, key)
	case from.KeySchema != nil:
		c.fail(from.KeySchema.Pos, "`key-schema` needs a `key-format`")
	}
}

// setup is what a channel says of its bodies and keys alike.
func (c *compiler) setup(from *source.Channel, schema *source.SchemaSpec) payload.Setup {
	s := payload.Setup{
		Channel: from.Name.Value, Topic: c.text(from.Topic), Registry: from.Registry != nil, Book: c.flow.book,
		ReadFile: c.readBeside(c.file.Name),
	}
	if s.Topic == "" {
		s.Topic = from.Name.Value
	}
	if schema != nil {
		s.ReadFile = c.readBeside(schema.Pos.File)
		s.Schema = payload.SchemaSpec{
			File: c.text(schema.File), Message: c.text(schema.Message), Imports: c.texts(schema.Imports),
			Subject: c.text(schema.Subject), Version: c.text(schema.Version), Root: c.text(schema.Root),
		}
	}
	return s
}

// codec opens a codec; nil where that fails.
func (c *compiler) codec(from *source.Channel, schema *source.SchemaSpec, setup payload.Setup) payload.Codec {
	at := from.Name.Pos
	if schema != nil {
		at = schema.Pos
	}
	if c.opts.Codecs == nil {
		c.fail(at, "schemas, registries, envelopes, encodings and formats but json, text and bytes are not served here")
		return nil
	}
	codec, err := c.opts.Codecs(setup)
	if err != nil {
		c.fail(at, "%v", err)
		return nil
	}
	return codec
}

// readBeside reads files by their paths from the folder of another.
func (c *compiler) readBeside(file string) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
		}
		return c.opts.ReadFile(path)
	}
}

func (c *compiler) registry(from *source.Registry) *Registry {
	if from == nil {
		return nil
	}
	return &Registry{
		URL: c.needed(from.URL), Username: c.text(from.Username), Password: c.text(from.Password),
		Token: c.text(from.Token), TLS: c.tls(from.TLS),
	}
}
