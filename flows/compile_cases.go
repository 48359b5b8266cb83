package flows

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// maxCases bounds the cases of one scenario.
const maxCases = 100_000

// cases are the runs of a scenario: a list in the file, or a file of their own.
func (c *compiler) cases(from source.Data) []Case {
	if from.Kind == source.List {
		var cases []Case
		for _, v := range c.data(from).List() {
			cases = append(cases, Case{v})
		}
		return cases
	}
	cases, err := c.caseFile(from)
	if err != nil {
		c.fail(from.Pos, "cases: %v", err)
	}
	return cases
}

// caseFile reads cases from a file: its path starts from the folder of the flow
// file, its extension says what is in it.
func (c *compiler) caseFile(from source.Data) ([]Case, error) {
	name := c.text(from.Text)
	if name == "" {
		return nil, errors.New("write a list, or the path of a .csv or .jsonl file")
	}
	read := caseFormats[strings.ToLower(filepath.Ext(name))]
	switch {
	case read == nil:
		return nil, fmt.Errorf("%s is neither .csv nor .jsonl", name)
	case c.opts.Open == nil:
		return nil, errors.New("no files can be read here")
	case !filepath.IsAbs(name):
		name = filepath.Join(filepath.Dir(from.Pos.File), filepath.FromSlash(name))
	}
	data, err := c.opts.Open(name)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("cannot read %s: %w; the path starts from the folder of the flow file", name, err)
	}
	cases, err := read(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(cases) == 0:
		return nil, fmt.Errorf("%s has no cases", name)
	}
	return cases, nil
}

var caseFormats = map[string]func([]byte) ([]Case, error){
	".csv": csvCases, ".jsonl": jsonCases, ".ndjson": jsonCases,
}

var errManyCases = fmt.Errorf("more than %d cases", maxCases)

// csvCases reads CSV (RFC 4180) whose first line has the names. A field is typed
// as unquoted data in a flow file is; an empty one is null.
func csvCases(data []byte) ([]Case, error) {
	r := csv.NewReader(bytes.NewReader(data))
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cases []Case
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return cases, nil
		}
		if err != nil {
			return nil, err
		}
		if len(cases) == maxCases {
			return nil, errManyCases
		}
		members := make([]payload.Member, len(names))
		for i, field := range fields {
			members[i].Name = names[i]
			if field != "" {
				members[i].Value = scalar(field)
			}
		}
		cases = append(cases, Case{payload.OfObject(members)})
	}
}

// jsonCases reads an object a line.
func jsonCases(data []byte) ([]Case, error) {
	var cases []Case
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v, err := payload.Decode(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case v.Kind() != payload.Object:
			return nil, fmt.Errorf("line %d: a case is an object, such as {\"qty\": 1}", number)
		case len(cases) == maxCases:
			return nil, errManyCases
		}
		cases = append(cases, Case{v})
	}
	return cases, nil
}
