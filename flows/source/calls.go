package source

import "strings"

// Call is an HTTP request or a command.
type Call struct {
	Pos     Position
	Method  Text   // the key: get, post, put, patch, delete; not set for a command
	URL     Text   // its value
	Headers []Var  // HTTP headers
	Body    Data   // absent, text, or data to be sent as JSON
	TLS     *TLS   // of the request
	OAuth   *OAuth // a token for the request
	Run     []Text // a command and its arguments
	Errand  *Errand
}

// OAuth is how a token for a request is had: OAuth 2 client credentials.
type OAuth struct {
	TokenURL, ClientID, ClientSecret Text
	Scopes                           []Text
}

// Hook is a named command or call that a probe makes: hooks.restart.
type Hook struct {
	Name Text
	Call Call
}

func callKeys() []key[Call] {
	keys := []key[Call]{}
	for _, m := range methods() {
		keys = append(keys, method(m))
	}
	return append(keys,
		field("headers", val.headers, func(c *Call) *[]Var { return &c.Headers }),
		field("body", val.free, func(c *Call) *Data { return &c.Body }),
		field("tls", val.tls, func(c *Call) **TLS { return &c.TLS }),
		field("oauth", val.oauth, func(c *Call) **OAuth { return &c.OAuth }),
		field("run", val.command, func(c *Call) *[]Text { return &c.Run }),
	)
}

func methods() []string { return []string{"get", "post", "put", "patch", "delete"} }

func method(name string) key[Call] {
	return key[Call]{name: name, read: func(v val, c *Call) {
		c.URL = v.word()
		c.Method = Text{Value: name, Pos: v.Pos}
	}}
}

// call reads a map, or a command as a list.
func (v val) call() *Call {
	c := &Call{Pos: v.Pos}
	if v.Kind == List {
		c.Run = v.command()
		return c
	}
	if v.Kind == String {
		v.failHint("write a command as a list: [ docker, restart, shop ]", "%s must be a map or a command, not text", quote(v.key))
		return c
	}
	if !object(v, quote(v.key), callKeys(), c) {
		return c
	}
	var have []string
	for _, k := range append(methods(), "run") {
		if v.has(k) {
			have = append(have, k)
		}
	}
	switch {
	case len(have) == 0:
		v.failHint("write post: URL, or run: [ command, argument ]", "%s calls nothing", quote(v.key))
	case len(have) > 1:
		v.fail("%s has several calls: %s", quote(v.key), strings.Join(have, ", "))
	case have[0] == "run" && (v.has("body") || v.has("headers") || v.has("tls") || v.has("oauth")):
		v.fail("a command has no `body`, no `headers`, no `tls` and no `oauth`")
	}
	return c
}

func oauthKeys() []key[OAuth] {
	return []key[OAuth]{
		needed("token-url", val.word, func(o *OAuth) *Text { return &o.TokenURL }),
		needed("client-id", val.text, func(o *OAuth) *Text { return &o.ClientID }),
		field("client-secret", val.text, func(o *OAuth) *Text { return &o.ClientSecret }),
		field("scopes", val.texts, func(o *OAuth) *[]Text { return &o.Scopes }),
	}
}

func (v val) oauth() *OAuth {
	o := &OAuth{}
	object(v, "`oauth`", oauthKeys(), o)
	return o
}

// command reads a command and its arguments, which may be empty.
func (v val) command() []Text {
	if v.Kind != List || len(v.Items) == 0 {
		v.failHint("write [ docker, restart, shop ]", "%s must be a list: the command and its arguments", quote(v.key))
		return nil
	}
	return v.many(val.text)
}

// hooks reads hooks:.
func (v val) hooks() []Hook {
	var out []Hook
	v.named(func(name Text, v val) {
		v.checkName("a hook", name)
		out = append(out, Hook{Name: name, Call: *v.call()})
	})
	return out
}

// headers reads a map of headers, or a list of pairs where names repeat.
func (v val) headers() []Var {
	if v.Kind != List {
		return v.values()
	}
	var out []Var
	v.each(func(item val) {
		if item.Kind != List || len(item.Items) != 2 || item.Items[0].Kind == List || item.Items[0].Kind == Map {
			item.failHint("write headers: [ [ name, value ], [ name, value ] ]", "a header must be a pair of name and value")
			return
		}
		out = append(out, Var{Name: item.Items[0].Text, Value: v.under("header", item.Items[1]).free()})
	})
	return out
}

// values reads a map of names and any values. Names may be anything.
func (v val) values() []Var {
	if v.Kind != Map {
		v.fail("%s must be a map of names and values, not %s", quote(v.key), v.Kind.a())
		return nil
	}
	var out []Var
	for _, m := range v.Members {
		out = append(out, Var{Name: m.Name, Value: v.under(m.Name.Value, m.Value).free()})
	}
	return out
}
