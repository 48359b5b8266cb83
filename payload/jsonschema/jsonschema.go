// Package jsonschema checks bodies against a JSON Schema.
//
//	schema text → Compile → Schema.Check(Value) → the first violations, by path
//
// Nothing is fetched from the network: what a schema refers to is a file beside
// it, or a schema that its registry gave with it.
package jsonschema

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/flowcheck/flowcheck/payload"
)

// Source is where a schema comes from.
type Source struct {
	// Name is the path of the file, or what a registry calls it; Pointer leads to
	// the schema within it, "" to the whole.
	Name, Pointer string
	// Doc is the document, as JSON or a Go value of JSON types.
	Text string
	Doc  any
	// Draft7: a schema without $schema is of draft 7, as AsyncAPI's are.
	Draft7 bool
	// References are documents that it refers to by name.
	References []payload.Reference
	// ReadFile reads what it refers to by relative path; nil: there are no files.
	ReadFile func(path string) ([]byte, error)
}

// Schema is a compiled JSON Schema. It is safe for concurrent use.
type Schema struct {
	schema *jsonschema.Schema
	words  *message.Printer
}

// base begins the URLs of documents.
const base = "flowcheck:///"

// Compile compiles a schema. One without $schema is of the draft 2020-12.
func Compile(src Source) (*Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(loader{src.ReadFile})
	if src.Draft7 {
		c.DefaultDraft(jsonschema.Draft7)
	}
	for _, ref := range src.References {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ref.Text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
		if err := c.AddResource(base+ref.Name, doc); err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
	}
	doc := src.Doc
	if doc == nil {
		var err error
		if doc, err = jsonschema.UnmarshalJSON(strings.NewReader(src.Text)); err != nil {
			return nil, fmt.Errorf("it is no JSON: %w", err)
		}
	}
	at := base + cmp.Or(path.Clean(src.Name), "schema.json")
	if err := c.AddResource(at, doc); err != nil {
		return nil, tidy(err)
	}
	schema, err := c.Compile(at + "#" + src.Pointer)
	if err != nil {
		return nil, tidy(err)
	}
	return &Schema{schema: schema, words: message.NewPrinter(language.English)}, nil
}

// tidy puts an error of the library on one line, without the made-up URLs.
func tidy(err error) error {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), base, "")), " ")
	return errors.New(text)
}

// loader reads the files that a schema refers to.
type loader struct {
	read func(path string) ([]byte, error)
}

// Load implements jsonschema.URLLoader.
func (l loader) Load(url string) (any, error) {
	name, ours := strings.CutPrefix(url, base)
	if !ours || l.read == nil {
		return nil, fmt.Errorf("%s is not fetched: keep a copy beside the schema and refer to that", strings.TrimPrefix(url, base))
	}
	data, err := l.read(name)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
}

// violation is one place that does not satisfy the schema.
type violation struct{ at, reason string }

// most is how many violations are kept.
const most = 1000

// Check reports what of v does not satisfy the schema: nil, or a *payload.Fault
// that names the places, in their order.
func (s *Schema) Check(v payload.Value) error {
	var invalid *jsonschema.ValidationError
	err := s.schema.Validate(payload.ToAny(v))
	if err == nil {
		return nil
	}
	if !errors.As(err, &invalid) {
		return &payload.Fault{Reason: tidy(err).Error(), Violation: true}
	}
	all := s.violations(invalid, v, nil)
	slices.SortStableFunc(all, func(a, b violation) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.reason, b.reason))
	})
	all = slices.Compact(all)
	fault := &payload.Fault{Path: all[0].at, Reason: all[0].reason, Violation: true}
	for _, more := range all[1:min(len(all), most)] {
		fault.More = append(fault.More, payload.Fault{Path: more.at, Reason: more.reason, Violation: true})
	}
	return fault
}

// violations adds the leaves of the tree of errors.
func (s *Schema) violations(e *jsonschema.ValidationError, v payload.Value, to []violation) []violation {
	if len(e.Causes) == 0 {
		return append(to, violation{place(v, e.InstanceLocation), e.ErrorKind.LocalizedString(s.words)})
	}
	for _, cause := range e.Causes {
		to = s.violations(cause, v, to)
	}
	return to
}

// place spells a location as an expression does.
func place(v payload.Value, location []string) string {
	path := make([]payload.Elem, len(location))
	for i, name := range location {
		path[i] = payload.Elem{Name: name}
		if v.Kind() == payload.List {
			n, _ := strconv.Atoi(name)
			path[i] = payload.Elem{Index: n, IsIndex: true}
			if items := v.List(); n < len(items) {
				v = items[n]
			}
			continue
		}
		v = v.Member(name)
	}
	return payload.PathTo(path)
}
