package source

import (
	"bytes"
	"path/filepath"
	"slices"
)

// Open reads a file that use: names. The path is the one in use:, joined to the
// folder of the file that uses it. It need not return more than MaxBytes + 1
// bytes.
type Open func(path string) ([]byte, error)

// Load reads a flow file and all that it uses; name is for messages, and for the
// folder that use: starts from. File is nil only where nothing of it could be
// read; else it holds all that could be, so that a caller can go on and find the
// errors in the expressions as well. Without open, a file that uses others is
// in error.
func Load(name string, data []byte, open Open) (*File, Errors) {
	l := &loader{open: open, errs: &collector{}}
	f := l.file(name, data, nil)
	if f != nil {
		checkNames(f, l.errs)
		checkReferences(f, l.errs)
	}
	return f, l.errs.all()
}

// LoadVars reads a file of values, as --vars takes it: a map of names.
func LoadVars(name string, data []byte) ([]Var, Errors) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	errs := &collector{}
	doc, refused := newDocument(name, data)
	if refused != nil {
		return nil, Errors{*refused}
	}
	d := &decoder{doc: doc, errs: errs}
	root, _ := d.tree()
	var out []Var
	switch v := (val{d, "", root}); root.Kind {
	case Absent:
	case Map:
		out = v.vars()
	default:
		v.failHint("write limit: 100", "a file of values must be a map of names, not %s", v.Kind.a())
	}
	return out, errs.all()
}

// ParseValue reads a value as --var NAME=VALUE gives it: typed as an unquoted
// scalar of a flow file is.
func ParseValue(s string) Data {
	t := Text{Value: s}
	if s == "" {
		return Data{Kind: String, Text: t}
	}
	return Data{Kind: kindOf(t), Text: t}
}

// loader reads a file and what it uses.
type loader struct {
	open Open
	errs *collector
	read []string // the files read so far
}

// file reads one file; stack holds the files that led to it.
func (l *loader) file(name string, data []byte, stack []string) *File {
	l.read = append(l.read, filepath.Clean(name))
	doc, refused := newDocument(name, data)
	if refused != nil {
		l.errs.add(*refused)
		return nil
	}
	d := &decoder{doc: doc, errs: &collector{}}
	root, whole := d.tree()
	if e := foreign(doc, root, whole, len(stack) > 0); e != nil {
		l.errs.add(*e)
		return nil
	}
	for _, e := range d.errs.errs {
		l.errs.add(e)
	}
	if root.Kind != Map {
		if whole {
			l.errs.add(Errorf(root.Pos, "a flow file must be a map of its keys, not %s", root.Kind.a()).
				WithHint("begin it with flowcheck: 1, with a space behind the `:`"))
		}
		return nil
	}
	d.errs = l.errs
	f := &File{Name: name, Incomplete: !whole}
	v := val{d, "", root}
	object(v, "the file", fileKeys(), f)
	f.Incomplete = f.Incomplete || d.incomplete
	if whole {
		v.checkTop(len(stack) > 0)
	}
	l.use(f, append(slices.Clone(stack), filepath.Clean(name)))
	return f
}

// foreign returns the one error of a file that is no flow file at all.
func foreign(doc *document, root Data, whole, used bool) *Error {
	if whole && root.Kind == Absent {
		e := Errorf(doc.at(1, 1), "the file has nothing but comments").WithHint("start with `flowcheck init`")
		return &e
	}
	hint := "a flow file begins with `flowcheck: 1`; `flowcheck init` writes one"
	if language := doc.looksForeign(); language != "" {
		e := Errorf(doc.at(1, 1), "this is %s, not a flow file", language).WithHint("%s", hint)
		return &e
	}
	if used && (!whole || root.Kind == Map) || doc.mentions("flowcheck") {
		return nil
	}
	known, unknown := 0, 0
	for _, m := range root.Members {
		if slices.Contains(names(fileKeys()), m.Name.Value) {
			known++
		} else if nearest(m.Name.Value, []string{"flowcheck"}) == "" {
			unknown++
		}
	}
	if root.Kind == Map && known >= unknown || !whole && known > 0 {
		return nil
	}
	e := Errorf(doc.at(1, 1), "this is no flow file: it has no `flowcheck: 1`").WithHint("%s", hint)
	return &e
}

// checkTop wants the keys that the top level of a file must have.
func (v val) checkTop(used bool) {
	if used {
		if v.has("flow") {
			v.errs.add(Errorf(v.Member("flow").Pos, "a file that others use has no `flow` of its own").
				WithHint("move what both flows share into a third file"))
		}
		return
	}
	top := v.doc.at(1, 1)
	if !v.meant("flowcheck", names(fileKeys())) {
		v.errs.add(Errorf(top, "the file has no `flowcheck`").WithHint("begin it with flowcheck: 1"))
	}
	if !v.meant("flow", names(fileKeys())) {
		v.errs.add(Errorf(top, "the file has no `flow`").WithHint("name the flow: flow: order-fulfilment"))
	}
}
