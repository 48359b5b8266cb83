package compare

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/deadletter"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/message/jsonscan"
	"github.com/flowcheck/flowcheck/payload"
)

// Bounds on what is taken apart: beyond them a list or an object is one field,
// compared as its text.
const (
	maxItems = 256
	maxDepth = 32
	maxNodes = 1 << 18

	maxStrange = 1000
)

// walker takes a message apart into fields. It is for one goroutine.
//
//	field: number of the path, length of the value, value as JSON text
type walker struct {
	flow     *flows.Flow
	names    *Names
	channels map[string]int
	body     *node
	headers  *node
	props    *node
	fixed    map[string]uint32
	nodes    int
	strange  map[string]int // messages on channels that the flow lacks
	came     []bool         // by channel: a message came
	out      []byte
	scratch  []byte
}

func newWalker(f *flows.Flow, names *Names) *walker {
	w := &walker{flow: f, names: names, channels: map[string]int{}, fixed: map[string]uint32{}, strange: map[string]int{}, came: make([]bool, len(f.Channels))}
	for i := range f.Channels {
		w.channels[f.Channels[i].Name] = i
	}
	w.body, w.headers, w.props = w.node("body"), w.node("headers"), w.node("properties")
	return w
}

// page appends the message's place and fields to dst, with their length before
// them.
func (w *walker) page(dst []byte, o *message.Observation) []byte {
	w.out = w.out[:0]
	if at, ok := w.channels[o.Channel]; ok {
		w.came[at] = true
		w.out = appendPosition(w.out, o.Position)
		w.message(at, o)
	} else if _, known := w.strange[o.Channel]; known || len(w.strange) < maxStrange {
		w.strange[o.Channel]++
	}
	dst = binary.AppendUvarint(dst, uint64(len(w.out)))
	return append(dst, w.out...)
}

func (w *walker) message(channel int, o *message.Observation) {
	ch := &w.flow.Channels[channel]
	headers := o.Headers
	key, body := w.flow.AsText(channel, o)
	if ch.SNS != "" || ch.SQS != "" {
		if n, ok := payload.UnwrapSNS(body); ok {
			headers, body = n.Headers, n.Message
		}
	}
	if deadletter.IsCopy(o) || len(ch.DeadLetters)+len(ch.Retries) > 0 {
		w.death(o)
		headers = deadletter.Strip(headers)
	}
	if key != nil {
		w.text("key", key)
	}
	w.heads(headers)
	w.properties(o.Properties)
	w.payload(body)
}

// death are the fields of a dead letter that are the same whenever it dies.
func (w *walker) death(o *message.Observation) {
	d, ok := deadletter.Read(o)
	if !ok {
		return
	}
	for _, f := range [...]struct{ path, value string }{
		{"death.reason", d.Reason},
		{"death.error.class", d.ErrorClass},
		{"death.error.text", d.ErrorText},
		{"death.origin.topic", d.Origin.Topic},
		{"death.origin.queue", d.Origin.Queue},
		{"death.origin.exchange", d.Origin.Exchange},
		{"death.origin.routingKey", d.Origin.RoutingKey},
	} {
		if f.value != "" {
			w.text(f.path, []byte(f.value))
		}
	}
	if d.Attempts != nil {
		w.put(w.path("death.attempts"), strconv.AppendInt(w.scratch[:0], int64(*d.Attempts), 10))
	}
}

// passing are the headers that tell of one delivery, not of what is delivered:
// traces, and flowcheck's own.
var passing = []string{
	"traceparent", "tracestate", "baggage", "b3", "x-b3-", "uber-trace-id", "uberctx-", "x-datadog-", "x-amzn-trace-id", "sentry-trace",
	"dd-pathway-ctx", "newrelic", "elastic-apm-traceparent", "flowcheck-",
}

// IsPassing reports whether a header tells of one delivery, such as a trace, and not
// of what is delivered.
func IsPassing(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(passing, func(p string) bool {
		return name == p || strings.HasSuffix(p, "-") && strings.HasPrefix(name, p)
	})
}

func (w *walker) heads(headers []message.Header) {
	for i, h := range headers {
		if IsPassing(h.Name) {
			continue
		}
		n := w.header(h.Name)
		repeat := 0
		for _, before := range headers[:i] {
			if before.Name == h.Name {
				repeat++
			}
		}
		if repeat > 0 && repeat < maxItems {
			n = w.item(n, repeat)
		}
		w.value(n, h.Value)
	}
}

func (w *walker) header(name string) *node { return w.quoted(w.headers, name) }

// quoted is the node of a header or property, whose names stand in brackets.
func (w *walker) quoted(of *node, name string) *node {
	if n := of.members[name]; n != nil {
		return n
	}
	if of.members == nil {
		of.members = map[string]*node{}
	}
	name = strings.Clone(name)
	n := w.node(of.path + "[" + strconv.Quote(name) + "]")
	of.members[name] = n
	return n
}

// lasting are the properties that say something of the message's content or
// address; the rest name or time one delivery.
var lasting = []string{
	"content-type", "content-encoding", "type", "correlation-id", "exchange", "routing-key", "priority", "expiration", "delivery-mode",
}

func (w *walker) properties(all map[string]any) {
	for _, name := range lasting {
		if v, ok := all[name]; ok {
			w.value(w.quoted(w.props, name), v)
		}
	}
}

// value puts a header's or property's value.
func (w *walker) value(n *node, v any) {
	if s, ok := v.(string); ok {
		w.putText(n.id, []byte(s))
		return
	}
	w.scratch = payload.AppendJSON(w.scratch[:0], payload.FromAny(v))
	w.put(n.id, w.scratch)
}

func (w *walker) payload(body []byte) {
	if body == nil {
		w.put(w.path("tombstone"), []byte("true"))
		return
	}
	mark := len(w.out)
	i := jsonscan.Space(body, 0)
	end, fault := w.walk(w.body, body, i, maxDepth)
	if fault == jsonscan.OK && jsonscan.Space(body, end) == len(body) {
		return
	}
	w.out = w.out[:mark]
	w.text("text", body)
}

// walk puts the fields of the value at i.
func (w *walker) walk(n *node, data []byte, i, depth int) (int, jsonscan.Fault) {
	if i >= len(data) {
		return i, jsonscan.Cut
	}
	if depth > 0 && w.nodes < maxNodes {
		switch data[i] {
		case '{':
			return w.object(n, data, i, depth)
		case '[':
			return w.list(n, data, i, depth)
		}
	}
	end, fault := jsonscan.Value(data, i, jsonscan.MaxDepth-maxDepth)
	if fault == jsonscan.OK {
		w.put(n.id, data[i:end])
	}
	return end, fault
}

func (w *walker) object(n *node, data []byte, i, depth int) (int, jsonscan.Fault) {
	from := i
	i, more, fault := jsonscan.Open(data, i, depth)
	if fault == jsonscan.OK && !more {
		w.put(n.id, data[from:i])
	}
	for more && fault == jsonscan.OK {
		end, value, escaped, bad := jsonscan.Name(data, i)
		if bad != jsonscan.OK {
			return value, bad
		}
		name := data[i+1 : end-1]
		if escaped {
			name = jsonscan.Unescape(nil, name)
		}
		if i, fault = w.walk(w.member(n, name), data, value, depth-1); fault != jsonscan.OK {
			return i, fault
		}
		i, more, fault = jsonscan.Next(data, i, '}')
	}
	return i, fault
}

func (w *walker) list(n *node, data []byte, i, depth int) (int, jsonscan.Fault) {
	from, mark := i, len(w.out)
	i, more, fault := jsonscan.Open(data, i, depth)
	if fault == jsonscan.OK && !more {
		w.put(n.id, data[from:i])
	}
	for item := 0; more && fault == jsonscan.OK; item++ {
		if item == maxItems {
			w.out = w.out[:mark]
			end, fault := jsonscan.Value(data, from, jsonscan.MaxDepth-maxDepth)
			if fault == jsonscan.OK {
				w.put(n.id, data[from:end])
			}
			return end, fault
		}
		if i, fault = w.walk(w.item(n, item), data, i, depth-1); fault != jsonscan.OK {
			return i, fault
		}
		i, more, fault = jsonscan.Next(data, i, ']')
	}
	return i, fault
}

func (w *walker) path(path string) uint32 {
	id, ok := w.fixed[path]
	if !ok {
		id = w.names.id(path)
		w.fixed[path] = id
	}
	return id
}

func (w *walker) text(path string, text []byte) { w.putText(w.path(path), text) }

// putText puts text as a JSON string; bytes that are no UTF-8 in base64.
func (w *walker) putText(id uint32, text []byte) {
	if !utf8.Valid(text) {
		w.scratch = append(base64.StdEncoding.AppendEncode(append(w.scratch[:0], `{"base64":"`...), text), `"}`...)
	} else {
		w.scratch = jsonscan.AppendString(w.scratch[:0], string(text))
	}
	w.put(id, w.scratch)
}

func (w *walker) put(id uint32, value []byte) {
	w.out = binary.AppendUvarint(w.out, uint64(id))
	w.out = binary.AppendUvarint(w.out, uint64(len(value)))
	w.out = append(w.out, value...)
}

func appendPosition(b []byte, p message.Position) []byte {
	b = append(b, byte(p.Kind))
	switch p.Kind {
	case message.PartitionOffset, message.Sequence:
		b = binary.AppendVarint(b, int64(p.Partition))
		b = binary.AppendVarint(b, p.Offset)
	case message.Opaque:
		b = binary.AppendUvarint(b, uint64(len(p.ID)))
		b = append(b, p.ID...)
	default:
	}
	return b
}
