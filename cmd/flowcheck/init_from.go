package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload/asyncapi"
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
	if rel, err := filepath.Rel(filepath.Dir(out), name); err == nil {
		name = filepath.ToSlash(rel)
	}
	d := draft{doc: doc, file: name, taken: map[string]bool{}}
	d.head()
	d.channels(channels)
	d.correlate(channels)
	d.steps(channels)
	return []byte(d.b.String()), append(notes, d.notes...), nil
}

// draft is a flow file that is being written.
type draft struct {
	doc     *asyncapi.Document
	file    string
	b       strings.Builder
	taken   map[string]bool // names of steps
	servers []asyncapi.Server
	notes   []string
}

func (d *draft) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *draft) head() {
	title := d.doc.Title()
	d.line("flowcheck: 1")
	d.line("flow: %s", strconv.Quote(cmp1(plainName(title), "flow")))
	d.line("about: %s", strconv.Quote("From "+d.file))
	d.line("\nbrokers:")
	for _, s := range d.doc.Servers() {
		url := brokerURL(s)
		if url == "" {
			d.notes = append(d.notes, fmt.Sprintf("server %s: the protocol %s has no adapter", s.Name, s.Protocol))
			continue
		}
		d.servers = append(d.servers, s)
		d.line("  %s: %s", plainName(s.Name), strconv.Quote(url))
	}
	if len(d.servers) == 0 {
		d.servers = []asyncapi.Server{{Name: "broker", Protocol: "kafka"}}
		d.notes = append(d.notes, "no server that flowcheck can speak to: the broker's URL is a guess")
		d.line("  broker: \"kafka://localhost:9092\"")
	}
}

func cmp1(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// brokerURL is a server's URL for flowcheck; "" where it has no adapter.
func brokerURL(s asyncapi.Server) string {
	_, host, found := strings.Cut(s.URL, "://")
	if !found {
		host = s.URL
	}
	host = strings.NewReplacer("{", "${env.", "}", "}").Replace(host)
	switch strings.ToLower(s.Protocol) {
	case "kafka", "kafka-secure":
		return "kafka://" + host
	case "amqp":
		return "amqp://" + host
	case "amqps":
		return "amqps://" + host
	case "sqs", "sns":
		return "aws://eu-west-1"
	default:
		return ""
	}
}

// serverOf is the server of a channel: the first that it names, else the first.
func (d *draft) serverOf(ch asyncapi.Channel) asyncapi.Server {
	for _, s := range d.servers {
		if slices.Contains(ch.Servers, s.Name) {
			return s
		}
	}
	return d.servers[0]
}

func (d *draft) channels(channels []asyncapi.Channel) {
	d.line("\nchannels:")
	for _, ch := range channels {
		server := d.serverOf(ch)
		d.line("  %s:", plainName(ch.Name))
		d.line("    broker: %s", plainName(server.Name))
		d.line("    %s", addressOf(ch, server.Protocol))
		switch n := len(ch.Messages); {
		case n == 1 && ch.Messages[0].Pointer != "":
			pointer := strings.TrimSuffix(strings.TrimSuffix(ch.Messages[0].Pointer, "/schema"), "/payload")
			d.line("    schema: %s", strconv.Quote(d.file+"#"+pointer))
		case n > 1:
			d.line("    # several messages: a channel has one schema")
		}
	}
}

func addressOf(ch asyncapi.Channel, protocol string) string {
	address := strconv.Quote(ch.Address)
	switch {
	case strings.HasPrefix(protocol, "kafka"):
		return "topic: " + address
	case protocol == "sqs":
		return "sqs: " + address + "\n    intrusive: true # a tap of a queue takes its messages away"
	case protocol == "sns":
		return "sns: " + address
	case ch.Kind == "queue":
		return "queue: " + address
	case ch.Exchange != "":
		return "exchange: " + strconv.Quote(ch.Exchange) + "\n    routing-key: " + address
	default:
		return "exchange: " + address
	}
}

// correlate writes the ids that the messages' correlation ids name.
func (d *draft) correlate(channels []asyncapi.Channel) {
	d.line("\ncorrelate: # a chain is whatever these ids tie together")
	names := map[string]bool{}
	for _, ch := range channels {
		for _, m := range ch.Messages {
			name, expr := idOf(m.CorrelationID)
			if name != "" && !names[name] {
				names[name] = true
				d.line("  %s: '%s'", name, expr)
			}
		}
	}
	if len(names) == 0 {
		d.notes = append(d.notes, "the document has no correlation ids: body.id is a guess")
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
			d.line("    channel: %s", plainName(ch.Name))
			if len(messages) > 1 {
				d.line("    when: body.type == %q # a guess: what tells it from the channel's other messages?", m.Name)
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
