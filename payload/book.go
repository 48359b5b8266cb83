package payload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Schema is a schema as a registry, or a file, has it. It is immutable, but for
// what it was compiled to.
type Schema struct {
	// Type is AVRO, PROTOBUF or JSON.
	Type string
	// ID and GUID are the registry's names of it; 0 and "" where they are not known.
	ID   int
	GUID string
	Text string
	// References are the schemas that it refers to by these names, each before
	// those that need it.
	References []Reference

	once     sync.Once
	compiled any
	err      error
}

// Reference is a schema that another refers to by name.
type Reference struct{ Name, Text string }

// Compiled returns what compile makes of s. It is called once.
func (s *Schema) Compiled(compile func(*Schema) (any, error)) (any, error) {
	s.once.Do(func() { s.compiled, s.err = compile(s) })
	return s.compiled, s.err
}

// Same reports whether two schemas say the same.
func (s *Schema) Same(t *Schema) bool {
	return s != nil && t != nil && s.Type == t.Type && s.ID == t.ID && s.GUID == t.GUID && s.Text == t.Text &&
		slices.Equal(s.References, t.References)
}

// SchemaRef names a schema of a registry: by its id, its GUID, or a subject and
// its version, "" for the latest.
type SchemaRef struct {
	ID               int
	GUID             string
	Subject, Version string
}

// String spells the reference, for reports and recordings.
func (r SchemaRef) String() string {
	switch {
	case r.GUID != "":
		return r.GUID
	case r.Subject != "":
		return r.Subject + " version " + cmp.Or(r.Version, "latest")
	default:
		return fmt.Sprint(r.ID)
	}
}

// Book is what is known of registries' schemas: live as they are fetched, later
// as a recording tells. It is safe for concurrent use.
type Book struct {
	mu    sync.RWMutex
	pages map[string][]page
}

// page is what became known of one schema at a line of a recording.
type page struct {
	line   int
	schema *Schema
	err    error
}

// NewBook makes an empty Book.
func NewBook() *Book { return &Book{pages: map[string][]page{}} }

// Put notes a schema of a channel's registry, or why there is none, at a line of
// a recording; 0 is no recording. It reports whether that is news.
func (b *Book) Put(channel, ref string, line int, s *Schema, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := bookKey(channel, ref)
	pages := b.pages[name]
	if n := len(pages); n > 0 {
		last := pages[n-1]
		same := s.Same(last.schema) || err != nil && last.err != nil && err.Error() == last.err.Error()
		if same && (line == 0 || last.line <= line) {
			return false
		}
	}
	b.pages[name] = append(pages, page{line, s, err})
	return true
}

// Find returns a schema of a channel's registry as it was known at a line of a
// recording, 0 for now. The error is what was put, or an *Unavailable.
func (b *Book) Find(channel, ref string, line int) (*Schema, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, p := range slices.Backward(b.pages[bookKey(channel, ref)]) {
		if line == 0 || p.line <= line {
			return p.schema, p.err
		}
	}
	return nil, &Unavailable{fmt.Sprintf(
		"schema %s was not fetched, and the recording does not have it: record it again with this flow file, or name a local file by schema:", ref)}
}

func bookKey(channel, ref string) string { return strings.Join([]string{channel, ref}, "\x00") }
