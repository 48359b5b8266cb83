package source

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node is what the tests and the docs read of a JSON Schema.
type node struct {
	Ref         string `json:"$ref"`
	Title       string
	Description string
	Default     any
	Const       any
	Examples    []any
	Enum        []string
	Not         *node
	AnyOf       []*node
	Required    []string
	Properties  map[string]*node
	Definitions map[string]*node
}

func parsedSchema(t *testing.T) *node {
	t.Helper()
	var n node
	if err := json.Unmarshal(Schema(), &n); err != nil {
		t.Fatal(err)
	}
	return &n
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flow.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("flow.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaKeys: the schema has the keys that the loader has, no more, no less.
func TestSchemaKeys(t *testing.T) {
	root := parsedSchema(t)
	for _, s := range sections() {
		def := root
		if s.def != "" {
			def = root.Definitions[s.def]
		}
		if def == nil {
			t.Errorf("the schema has no %s", s.def)
			continue
		}
		if diff := cmp.Diff(sorted(s.keys), keysOf(def.Properties)); diff != "" {
			t.Errorf("%s (-loader +schema):\n%s", s.name, diff)
		}
		for key, p := range def.Properties {
			if p.Description == "" || len(p.Examples) == 0 && p.Default == nil {
				t.Errorf("%s of %s has no description, or neither example nor default", key, s.name)
			}
		}
	}
}

// TestSchemaWords: lists of words that the schema repeats are the loader's.
func TestSchemaWords(t *testing.T) {
	root := parsedSchema(t)
	if diff := cmp.Diff(reserved(), root.Definitions["identifier"].Not.Enum); diff != "" {
		t.Errorf("reserved words (-loader +schema):\n%s", diff)
	}
	if diff := cmp.Diff(ProbeNames(), root.Definitions["probes"].AnyOf[0].Enum); diff != "" {
		t.Errorf("probes (-loader +schema):\n%s", diff)
	}
	for _, f := range builtin.Builtins {
		if !IsReserved(f.Name) {
			t.Errorf("%s is a function of the expressions, but no reserved word", f.Name)
		}
	}
}

// TestSchemaAccepts: what Load takes without an error, the schema takes, too.
func TestSchemaAccepts(t *testing.T) {
	schema := compiledSchema(t)
	for _, path := range goodFiles(t) {
		if err := schema.Validate(asJSON(t, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSchemaRefuses: what is wrong with one file by itself, the schema finds.
func TestSchemaRefuses(t *testing.T) {
	schema := compiledSchema(t)
	for _, name := range strings.Fields(`unknown-keys types required durations counts version version-misspelt
		step-names names templates yaml-flow-comma yaml-missing-space other-yaml json secrets wide-characters`) {
		if err := schema.Validate(asJSON(t, "testdata/wrong/"+name+".yaml")); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestSchemaRefusesEach makes one thing wrong at a time in a file that passes.
func TestSchemaRefusesEach(t *testing.T) {
	schema := compiledSchema(t)
	data, err := os.ReadFile("testdata/good/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"flowcheck: 1", "flowcheck: 2"},
		{"settle: 1s500ms", "settle: 2"},
		{"settle: 1s500ms", "settle: 2 seconds"},
		{"broker: events\n    topic:", "topic:"},
		{"topic: payments,", "topic: payments, queue: payments,"},
		{"topic: payments,", ""},
		{"exchange: shipping, routing", "queue: shipping, routing"},
		{"redeliveries: allow", "redeliveries: always"},
		{"format: avro", "format: yaml"},
		{"only: true", "only: yes"},
		{"ties: false", "ties: maybe"},
		{"count: 2", "count: -2"},
		{"count: 2", "count: 1.5"},
		{"optional: true", "optoinal: true"},
		{"when: body.type == \"OrderPlaced\"", "when: \"${body.x}\""},
		{"when: body.amount < 0 }", "when: \"\" }"},
		{"when: body.amount < 0 }", "wen: body.amount < 0 }"},
		{"p50: 1s, p75: 1s, p90: 1s, p95: 2s, p99: 4s, p99.9: 5s, p99.99: 6s, max: 7s", "x-a: 1"},
		{"base64: AAE=", "base64: AAE=, text: x"},
		{"base64: AAE=", ""},
		{"name: by a command", "x-name: by a command"},
		{"    call: { run: [ ./order, --qty, 1 ] }", "    about: no trigger"},
		{"run: [ ./order, --qty, 1 ]", "run: ./order"},
		{"post: \"https", "fetch: \"https"},
		{"reorder: false", "reorder: [ ]"},
		{"probes: all", "probes: [ dupe ]"},
		{"  once: ", "  body: "},
		{"  once: ", "  on-ce: "},
	} {
		text := strings.Replace(string(data), change[0], change[1], 1)
		if text == string(data) {
			t.Errorf("%q is not in the file", change[0])
		}
		root := asTree(t, "changed", []byte(text))
		if err := schema.Validate(jsonOf(root)); err == nil {
			t.Errorf("%q instead of %q passes the schema", change[1], change[0])
		}
		if _, errs := Load("testdata/good/x", []byte(text), os.ReadFile); len(errs) == 0 {
			t.Errorf("%q instead of %q loads", change[1], change[0])
		}
	}
}

func goodFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("%v %v", paths, err)
	}
	return paths
}

func asJSON(t *testing.T, path string) any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return jsonOf(asTree(t, path, data))
}

func asTree(t *testing.T, name string, data []byte) Data {
	t.Helper()
	doc, refused := newDocument(name, data)
	if refused != nil {
		t.Fatal(refused)
	}
	d := &decoder{doc: doc, errs: &collector{}}
	root, _ := d.tree()
	return root
}

func jsonOf(d Data) any {
	switch d.Kind {
	case Bool:
		return d.Text.Value == "true"
	case Number:
		return json.Number(d.Text.Value)
	case String:
		return d.Text.Value
	case List:
		out := []any{}
		for _, item := range d.Items {
			out = append(out, jsonOf(item))
		}
		return out
	case Map:
		out := map[string]any{}
		for _, m := range d.Members {
			out[m.Name.Value] = jsonOf(m.Value)
		}
		return out
	default:
		return nil
	}
}

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return words
}

func keysOf(m map[string]*node) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
