package source

// Registry is the registry: of a channel: where schemas come from, and the login
// there.
type Registry struct {
	Pos                            Position
	URL, Username, Password, Token Text
	TLS                            *TLS // nil where the file has none
}

// SchemaSpec is a schema: of a channel: a file, or what a registry knows it by.
type SchemaSpec struct {
	Pos              Position
	File             Text // with # and what Message says, if that is not set
	Message          Text // the message of a Protobuf file; a JSON pointer elsewhere
	Imports          []Text
	Subject, Version Text
	Root             Text // of an XML document
}

// formats are the names of formats.
func formats() []string { return []string{"json", "text", "bytes", "xml", "avro", "protobuf"} }

func registryKeys() []key[Registry] {
	return []key[Registry]{
		needed("url", val.word, func(r *Registry) *Text { return &r.URL }),
		field("username", val.text, func(r *Registry) *Text { return &r.Username }),
		field("password", val.text, func(r *Registry) *Text { return &r.Password }),
		field("token", val.text, func(r *Registry) *Text { return &r.Token }),
		field("tls", val.tls, func(r *Registry) **TLS { return &r.TLS }),
	}
}

func schemaKeys() []key[SchemaSpec] {
	return []key[SchemaSpec]{
		field("file", val.word, func(s *SchemaSpec) *Text { return &s.File }),
		field("message", val.word, func(s *SchemaSpec) *Text { return &s.Message }),
		field("imports", val.texts, func(s *SchemaSpec) *[]Text { return &s.Imports }),
		field("subject", val.word, func(s *SchemaSpec) *Text { return &s.Subject }),
		field("version", val.word, func(s *SchemaSpec) *Text { return &s.Version }),
		field("root", val.word, func(s *SchemaSpec) *Text { return &s.Root }),
	}
}

// registry reads a URL, or a map.
func (v val) registry() *Registry {
	r := &Registry{Pos: v.Pos}
	if v.Kind == Map {
		object(v, "`registry`", registryKeys(), r)
	} else {
		r.URL = v.word()
	}
	return r
}

// schema reads a file's name, or a map.
func (v val) schema() *SchemaSpec {
	s := &SchemaSpec{Pos: v.Pos}
	if v.Kind == Map {
		object(v, quote(v.key), schemaKeys(), s)
	} else {
		s.File = v.word()
	}
	return s
}
