package source

import (
	"slices"
	"strings"
)

// decoder reads one document.
type decoder struct {
	doc  *document
	errs *collector

	broken     bool // parts of the text are left out, since they are no YAML
	incomplete bool // a section could not be read, so names may be missing
}

// val is a value of the file under a key, about to be read.
type val struct {
	*decoder
	key string
	Data
}

func (v val) under(key string, data Data) val { return val{v.decoder, key, data} }

func (v val) fail(format string, args ...any) { v.errs.add(Errorf(v.Pos, format, args...)) }

func (v val) failHint(hint, format string, args ...any) {
	v.errs.add(Errorf(v.Pos, format, args...).WithHint("%s", hint))
}

// key is one key of a kind of mapping T: its name, and how it is read.
type key[T any] struct {
	name     string
	required bool
	read     func(v val, into *T)
}

// field makes the key of a field of T.
func field[T, V any](name string, read func(val) V, at func(*T) *V) key[T] {
	return key[T]{name: name, read: func(v val, into *T) { *at(into) = read(v) }}
}

// needed is a field that must be there.
func needed[T, V any](name string, read func(val) V, at func(*T) *V) key[T] {
	k := field(name, read, at)
	k.required = true
	return k
}

// names returns the names of keys.
func names[T any](keys []key[T]) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

// object reads a map of fixed keys into a T. What is the kind of mapping, for
// messages: a step. It returns false where the value is no map.
func object[T any](v val, what string, keys []key[T], into *T) bool {
	if !v.isMap(what) {
		return false
	}
	for _, m := range v.Members {
		i := slices.IndexFunc(keys, func(k key[T]) bool { return k.name == m.Name.Value })
		switch {
		case i >= 0:
			keys[i].read(v.under(m.Name.Value, m.Value), into)
		case !strings.HasPrefix(m.Name.Value, "x-"):
			v.unknownKey(m, what, names(keys))
		}
	}
	for _, k := range keys {
		if k.required && !v.meant(k.name, names(keys)) {
			v.fail("%s has no %s", what, quote(k.name))
		}
	}
	return true
}

// has reports whether the map has the key.
func (v val) has(key string) bool {
	return slices.ContainsFunc(v.Members, func(m Member) bool { return m.Name.Value == key })
}

// meant reports whether the map has the key, or one that is no key and was
// reported as a misspelling of it.
func (v val) meant(key string, known []string) bool {
	if v.has(key) {
		return true
	}
	const most = 100
	for _, m := range v.Members[:min(len(v.Members), most)] {
		word := m.Name.Value
		if slices.Contains(known, word) || strings.HasPrefix(word, "x-") {
			continue
		}
		if nearest(word, known) == key || strings.HasPrefix(word, key+":") {
			return true
		}
	}
	return false
}

// isMap reports whether the value is a map, and reports the error where not.
func (v val) isMap(what string) bool {
	if v.Kind == Map {
		return true
	}
	if v.lost() {
		return false
	}
	if v.Kind == Null {
		v.fail("%s is empty: a map of its keys should stand here", what)
		return false
	}
	v.fail("%s must be a map of its keys, not %s", what, v.Kind.a())
	return false
}

// unknownKey reports a key that a mapping does not have.
func (v val) unknownKey(m Member, what string, known []string) {
	if v.errs.full() {
		v.errs.dropped++
		return
	}
	word := m.Name.Value
	e := Errorf(m.Name.Pos, "unknown key %s in %s", quote(word), what)
	near := nearest(word, known)
	homes := homesOf(word)
	switch {
	case m.Value.Kind == Null && m.Value.Pos.Line == m.Name.Pos.Line && strings.ContainsAny(word, "()\"'=<>"):
		e = e.WithHint("inside { }, a comma ends a value: put an expression that holds one into quotes")
	case m.Value.Kind == Null && strings.Contains(word, ":"):
		e = e.WithHint("a space is missing behind the `:`")
	case word == "<<":
		e = e.WithHint("a flow file has no merge keys; an alias stands for a whole value")
	case near != "":
		e.Message += "; did you mean " + quote(near) + "?"
	case len(homes) > 0:
		e = e.WithHint("it is a key of %s; here belong: %s", strings.Join(homes, ", "), list(known))
	default:
		e = e.WithHint("its keys are: %s; a key of your own begins with x-", list(known))
	}
	v.errs.add(e)
}

// lost reports whether a value is empty since what stood there is no YAML, which
// was reported.
func (v val) lost() bool {
	if v.Kind == Null && v.broken {
		v.incomplete = true
		return true
	}
	return false
}

// named calls read for each entry of a map of names.
func (v val) named(read func(name Text, v val)) {
	if v.lost() {
		return
	}
	if v.Kind != Map {
		v.fail("%s must be a map of names, not %s", quote(v.key), v.Kind.a())
		v.incomplete = true
		return
	}
	for _, m := range v.Members {
		if m.Name.Value == "<<" {
			v.errs.add(Errorf(m.Name.Pos, "a flow file has no merge keys").
				WithHint("an alias stands for a whole value"))
			continue
		}
		read(m.Name, v.under(m.Name.Value, m.Value))
	}
}

// each calls read for the items of a list.
func (v val) each(read func(v val)) {
	if v.lost() {
		return
	}
	if v.Kind != List {
		v.fail("%s must be a list, not %s", quote(v.key), v.Kind.a())
		v.incomplete = true
		return
	}
	for _, item := range v.Items {
		read(v.under(v.key, item))
	}
}

// oneOrEach calls read for the items of a list, or for the one value that is
// there instead of a list.
func (v val) oneOrEach(read func(v val)) {
	if v.Kind == List {
		v.each(read)
		return
	}
	read(v)
}

// a returns the kind with its article, for messages.
func (k Kind) a() string {
	switch k {
	case Null:
		return "empty"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case List:
		return "a list"
	case Map:
		return "a map"
	default:
		return "text"
	}
}

// String returns the kind's name in JSON.
func (k Kind) String() string {
	return [...]string{"absent", "null", "boolean", "number", "string", "list", "map"}[min(k, Map)]
}
