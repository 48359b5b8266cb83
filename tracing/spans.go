package tracing

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// spans are those of a chain: one for the chain, and below it one for each
// message, from the step that it follows to itself.
func (e *Exporter) spans(flow string, info *flowInfo, j *flows.Judgement) []*trace.Span {
	moments := j.Timeline()
	if len(moments) == 0 {
		return nil
	}
	moments = moments[:min(len(moments), maxSpans)]
	byBroker := !slices.ContainsFunc(moments, func(m flows.Moment) bool { return !m.Time.Known() })
	at := func(m *flows.Moment) correlate.Instant {
		if byBroker {
			return m.Time
		}
		return m.Seen
	}
	first, last := at(&moments[0]), at(&moments[0])
	for i := range moments {
		first, last = min(first, at(&moments[i])), max(last, at(&moments[i]))
	}
	chain, ids := j.Name()
	id := sha256.Sum256([]byte(flow + "\x00" + chain + "\x00" + moments[0].Channel + "\x00" + moments[0].Position.String()))
	root := &trace.Span{
		TraceId: id[:16], SpanId: id[16:24], Name: flow, Kind: trace.Span_SPAN_KIND_INTERNAL, StartTimeUnixNano: nanos(first), EndTimeUnixNano: nanos(last),
		Attributes: []*common.KeyValue{
			text("flowcheck.flow", flow), text("flowcheck.chain", chain), text("flowcheck.outcome", j.Outcome), text("flowcheck.verdict", j.State.String()),
		},
		Status: statusOf(j),
	}
	for _, name := range sortedNames(ids) {
		root.Attributes = append(root.Attributes, text("flowcheck.id."+name, ids[name]))
	}
	for i := range j.Found {
		f := &j.Found[i]
		root.Events = append(root.Events, &trace.Span_Event{TimeUnixNano: nanos(last), Name: "finding", Attributes: []*common.KeyValue{
			text("flowcheck.finding.id", flows.FindingID(flow, f)), text("flowcheck.finding.kind", string(f.Kind)), text("flowcheck.step", f.Step), text("flowcheck.finding.text", f.Text),
		}})
	}
	all := []*trace.Span{root}
	ended := map[string]correlate.Instant{} // steps, by when they came last
	for i := range moments {
		m := &moments[i]
		from := first
		for _, step := range info.after[m.Step] {
			if came, ok := ended[step]; ok {
				from = max(from, min(came, at(m)))
			}
		}
		all = append(all, e.span(flow, info, m, root, from, at(m)))
		ended[m.Step] = max(ended[m.Step], at(m))
	}
	return all
}

// span is a message's, by the semantic conventions for messaging.
func (e *Exporter) span(flow string, info *flowInfo, m *flows.Moment, root *trace.Span, from, to correlate.Instant) *trace.Span {
	c := info.channels[m.Channel]
	id := sha256.Sum256(append(root.TraceId[:16:16], m.Channel+"\x00"+m.Position.String()...))
	s := &trace.Span{
		TraceId: root.TraceId, SpanId: id[:8], ParentSpanId: root.SpanId, Name: "publish " + c.destination, Kind: trace.Span_SPAN_KIND_PRODUCER,
		StartTimeUnixNano: nanos(from), EndTimeUnixNano: nanos(to),
		Attributes: []*common.KeyValue{
			text("messaging.system", c.system), text("messaging.destination.name", c.destination),
			text("messaging.operation.name", "publish"), text("messaging.operation.type", "send"),
			text("flowcheck.channel", m.Channel), text("flowcheck.step", m.Step), text("flowcheck.position", m.Position.String()),
		},
	}
	if m.Position.Kind == message.PartitionOffset && c.system == "kafka" {
		partition, _, _ := strings.Cut(m.Position.String(), "@")
		s.Attributes = append(s.Attributes, text("messaging.destination.partition.id", partition), number("messaging.kafka.offset", m.Position.Offset))
	}
	if m.Note != "" {
		s.Attributes = append(s.Attributes, text("flowcheck.note", m.Note))
	}
	if link := e.parents.get(place{flow, m.Channel, m.Position}); link != nil {
		s.Links = append(s.Links, link)
	}
	return s
}

func statusOf(j *flows.Judgement) *trace.Status {
	if j.State != flows.Fail {
		return &trace.Status{}
	}
	var kinds []string
	for i := range j.Found {
		kinds = append(kinds, string(j.Found[i].Kind))
	}
	return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: strings.Join(kinds, ", ")}
}

// linkOf is the span that a message names in its traceparent (W3C Trace Context);
// nil where it names none.
func linkOf(o *message.Observation) *trace.Span_Link {
	value, ok := o.Header("traceparent")
	if !ok {
		return nil
	}
	var header string
	switch v := value.(type) {
	case string:
		header = v
	case []byte:
		header = string(v)
	}
	return parseTraceparent(header)
}

func parseTraceparent(header string) *trace.Span_Link {
	parts := strings.Split(header, "-")
	if len(header) > 256 || len(parts) < 4 || parts[0] == "00" && len(parts) != 4 {
		return nil
	}
	var bytes [4][]byte
	for i, length := range []int{1, 16, 8, 1} {
		var err error
		if bytes[i], err = hex.DecodeString(parts[i]); err != nil || len(bytes[i]) != length {
			return nil
		}
	}
	if bytes[0][0] == 0xff || zero(bytes[1]) || zero(bytes[2]) {
		return nil
	}
	return &trace.Span_Link{TraceId: bytes[1], SpanId: bytes[2], Flags: uint32(bytes[3][0])}
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// maxText bounds an attribute, in bytes.
const maxText = 1024

func text(name, value string) *common.KeyValue {
	value = strings.ToValidUTF8(value[:min(len(value), maxText)], "\ufffd")
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(name string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

func nanos(t correlate.Instant) uint64 { return uint64(max(0, t.Time().UnixNano())) }

func sortedNames(ids map[string]string) []string {
	var names []string
	for name := range ids {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
