package notify

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema of configurations.
func Schema() []byte { return schema }
