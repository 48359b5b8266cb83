package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
	"github.com/flowcheck/flowcheck/payload/asyncapi"
	"github.com/flowcheck/flowcheck/payload/formats"
)

// flowFrom writes a first flow file from an AsyncAPI document: its servers,
// channels, schemas and correlation ids, and a chain from what the application
// receives to what it sends. notes tell what could not be taken over. name is the
// document's path, to the flow file that is named out.
func flowFrom(data []byte, name, out string) (flow []byte, notes []string, err error) {
	doc, err := asyncapi.Read(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	channels, errs := doc.Channels()
	for _, e := range errs {
		notes = append(notes, e.Error())
	}
	if len(channels) == 0 {
		return nil, nil, fmt.Errorf("%s has no channels", name)
	}
	d := draft{doc: doc, data: data, file: pathFrom(out, name), names: map[string]string{}, taken: map[string]bool{}, notes: notes}
	d.line("flowcheck: 1")
	d.line("flow: %s", strconv.Quote(cmp1(plainName(doc.Title()), "flow")))
	d.line("about: %s", strconv.Quote(escaped("From "+d.file)))
	d.vars(channels)
	d.brokers()
	d.channels(channels)
	d.correlate(channels)
	d.steps(channels)
	return []byte(d.b.String()), d.notes, nil
}

// pathFrom is a path as a file that is named out has to say it.
func pathFrom(out, name string) string {
	here, err := filepath.Abs(filepath.Dir(out))
	if err != nil {
		return name
	}
	there, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	if rel, err := filepath.Rel(here, there); err == nil {
		name = rel
	}
	return filepath.ToSlash(name)
}

// draft is a flow file that is being written.
type draft struct {
	doc     *asyncapi.Document
	data    []byte // of the document
	file    string
	b       strings.Builder
	names   map[string]string // of brokers and channels, by what the document calls them
	taken   map[string]bool   // names of steps, brokers and channels
	servers []asyncapi.Server
	notes   []string
}

func (d *draft) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *draft) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

func cmp1(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// quoted is a text in YAML's single quotes, where it can be.
func quoted(text string) string {
	if strings.ContainsAny(text, "'\n") {
		return strconv.Quote(text)
	}
	return "'" + text + "'"
}

// name is a broker's or a channel's in the flow file, which no other has.
func (d *draft) name(kind, original string) string {
	id := kind + " " + original
	if d.names[id] == "" {
		base := cmp1(plainName(original), kind)
		name := base
		for n := 2; d.taken[kind+" "+name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		d.taken[kind+" "+name] = true
		d.names[id] = name
	}
	return d.names[id]
}

func (d *draft) channels(channels []asyncapi.Channel) {
	d.line("\nchannels:")
	for _, ch := range channels {
		server := d.serverOf(ch)
		d.line("  %s:", d.name("channel", ch.Name))
		d.line("    broker: %s", d.name("broker", server.Name))
		d.address(ch, server)
		switch n := len(ch.Messages); {
		case n == 1:
			d.schema(ch, server)
		case n > 1:
			d.line("    # several messages: a channel has one schema")
		}
	}
}

// schema writes what a channel's one message is checked by: the registry that its
// server names, where bodies are Avro or Protobuf, else the document.
func (d *draft) schema(ch asyncapi.Channel, server asyncapi.Server) {
	m := ch.Messages[0]
	if m.Pointer == "" {
		return
	}
	if server.Registry != "" && m.Format != "json" {
		d.line("    format: %s", m.Format)
		d.line("    registry: %s", strconv.Quote(escaped(server.Registry)))
		return
	}
	pointer := strings.TrimSuffix(strings.TrimSuffix(m.Pointer, "/schema"), "/payload")
	_, err := formats.Open(payload.Setup{
		Channel: ch.Name, Schema: payload.SchemaSpec{File: d.file, Message: pointer},
		ReadFile: func(string) ([]byte, error) { return d.data, nil },
	})
	if err != nil {
		d.note("channel %s has no schema here: %v", ch.Name, err)
		return
	}
	d.line("    schema: %s", strconv.Quote(escaped(d.file+"#"+pointer)))
}

// correlate writes the ids that the messages' correlation ids name.
func (d *draft) correlate(channels []asyncapi.Channel) {
	d.line("\ncorrelate: # a chain is whatever these ids tie together")
	var names []string
	exprs := map[string][]string{}
	for _, ch := range channels {
		for _, m := range ch.Messages {
			name, expr := idOf(m.CorrelationID)
			if name == "" || slices.Contains(exprs[name], expr) {
				continue
			}
			if exprs[name] == nil {
				names = append(names, name)
			}
			exprs[name] = append(exprs[name], expr)
		}
	}
	for _, name := range names {
		d.line("  %s: %s", name, quoted(strings.Join(exprs[name], " ?? ")))
	}
	if len(names) == 0 {
		d.note("the document has no correlation ids: body.id is a guess")
		d.line("  id: body.id")
	}
}

// idOf makes an expression of a runtime expression such as
// $message.header#/correlationId.
func idOf(location string) (name, expr string) {
	in, pointer, ok := strings.Cut(strings.TrimPrefix(location, "$message."), "#/")
	if !ok || pointer == "" {
		return "", ""
	}
	path := strings.Split(pointer, "/")
	name = identifier(path[len(path)-1])
	if in == "header" {
		return name, fmt.Sprintf("headers[%q]", path[len(path)-1])
	}
	expr = "body"
	for _, p := range path {
		expr += fmt.Sprintf("[%q]", p)
	}
	return name, expr
}

// steps writes a chain: what the application receives, then what it sends.
func (d *draft) steps(channels []asyncapi.Channel) {
	d.line("\nsteps:")
	slices.SortStableFunc(channels, func(a, b asyncapi.Channel) int {
		switch {
		case a.Receives && !b.Receives:
			return -1
		case b.Receives && !a.Receives:
			return 1
		}
		return 0
	})
	first := ""
	for _, ch := range channels {
		messages := ch.Messages
		if len(messages) == 0 {
			messages = []asyncapi.Message{{Name: ch.Name}}
		}
		for _, m := range messages {
			name := d.stepName(m.Name)
			d.line("  %s:", name)
			d.line("    channel: %s", d.name("channel", ch.Name))
			if len(messages) > 1 {
				d.line("    when: %s # a guess: what tells it from the channel's other messages?", quoted(fmt.Sprintf("body.type == %q", m.Name)))
				d.line("    optional: true")
			}
			if first == "" {
				first = name
			} else if !ch.Receives {
				d.line("    after: %s", first)
			}
		}
	}
}

// stepName is an identifier that no other step has.
func (d *draft) stepName(name string) string {
	base := identifier(name)
	if source.IsReserved(base) {
		base += "Message"
	}
	step := base
	for n := 2; d.taken[step]; n++ {
		step = fmt.Sprintf("%s%d", base, n)
	}
	d.taken[step] = true
	return step
}

// identifier makes lowerCamelCase of a name.
func identifier(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			upper = b.Len() > 0
		case b.Len() == 0 && unicode.IsDigit(r):
			b.WriteString("n" + string(r))
		case b.Len() == 0:
			b.WriteRune(unicode.ToLower(r))
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return cmp1(b.String(), "message")
}

// plainName is a name that a channel or a broker may have.
func plainName(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./-", r) {
			return r
		}
		return '-'
	}, name), "-./")
}
