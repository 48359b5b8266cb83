package source

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 7) of flow files, with a description of
// each key: editors complete and check by it. It knows each file by itself; that
// names refer to something, and what expressions mean, only Load knows.
func Schema() []byte { return bytes.Clone(schema) }
