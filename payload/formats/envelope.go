package formats

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// envelope is what a message is wrapped in.
type envelope struct {
	name string
	// open returns the message within, nil where there is none, and puts what the
	// envelope says before the headers.
	open func(data []byte, b *payload.Body) ([]byte, error)
	// within tells that a scenario writes the message alone, not the envelope.
	within func(v payload.Value) bool
	// contentType is what an envelope that a scenario writes is sent as; "" is not
	// said.
	contentType string
}

func envelopeOf(name string) (*envelope, error) {
	known := map[string]envelope{
		"cloudevents": {open: openCloudEvent, within: isEventData, contentType: "application/cloudevents+json"},
		"eventbridge": {open: openEventBridge},
		"masstransit": {open: openMassTransit, contentType: "application/vnd.masstransit+json"},
		"nservicebus": {open: openNServiceBus},
	}
	if name == "" {
		return nil, nil
	}
	e, ok := known[name]
	if !ok {
		return nil, fmt.Errorf("there is no envelope %s; there are %s", name, list(known))
	}
	e.name = name
	return &e, nil
}

// put puts what an envelope says before the headers of a message: those win that
// the message has itself.
func put(b *payload.Body, said []message.Header) {
	b.Headers = append(slices.Clip(said), b.Headers...)
}

// object reads an envelope that is a JSON object.
func object(data []byte, what string) (payload.Value, error) {
	v, err := payload.Decode(data)
	if err != nil || v.Kind() != payload.Object {
		return v, payload.Faultf("it is no %s: %s", what, looksLike(data))
	}
	return v, nil
}

// plainHeaders are members of an envelope as headers, all but those named; a list
// is a header that repeats.
func plainHeaders(v payload.Value, but ...string) []message.Header {
	var headers []message.Header
	for _, m := range v.Distinct() {
		if slices.Contains(but, m.Name) || m.Value.IsNil() {
			continue
		}
		if items := m.Value.List(); items != nil {
			for _, item := range items {
				headers = append(headers, message.Header{Name: m.Name, Value: payload.Plain(item)})
			}
			continue
		}
		headers = append(headers, message.Header{Name: m.Name, Value: payload.Plain(m.Value)})
	}
	return headers
}

// inner is a message within JSON as bytes of their own.
func inner(v payload.Value) []byte {
	if v.IsNil() {
		return nil
	}
	return payload.AppendJSON(nil, v)
}

// openEventBridge takes the detail out of an event. Source: Amazon EventBridge,
// "Event structure".
func openEventBridge(data []byte, b *payload.Body) ([]byte, error) {
	v, err := object(data, "event of EventBridge")
	if err != nil {
		return nil, err
	}
	if v.Member("detail-type").Kind() != payload.String || v.Member("source").Kind() != payload.String {
		return nil, payload.Faultf("it is no event of EventBridge: it lacks detail-type or source")
	}
	put(b, plainHeaders(v, "detail"))
	return inner(v.Member("detail")), nil
}

// openMassTransit takes the message out of its envelope. Source: MassTransit's
// JsonMessageEnvelope.
func openMassTransit(data []byte, b *payload.Body) ([]byte, error) {
	v, err := object(data, "message of MassTransit")
	if err != nil {
		return nil, err
	}
	if v.Member("messageId").IsNil() || v.Member("message").Kind() != payload.Object {
		return nil, payload.Faultf("it is no message of MassTransit: it lacks messageId or message")
	}
	put(b, append(plainHeaders(v, "message", "headers", "host"), plainHeaders(v.Member("headers"))...))
	return inner(v.Member("message")), nil
}

// nServiceBusHeaders is where NServiceBus's transport for SQS keeps the headers.
const nServiceBusHeaders = "NServiceBus.AmazonSQS.Headers"

// openNServiceBus takes off what the transport for SQS puts around a message; on
// RabbitMQ there is nothing. Source: NServiceBus.AmazonSQS, TransportMessage.
func openNServiceBus(data []byte, b *payload.Body) ([]byte, error) {
	if text, ok := header(b.Headers, nServiceBusHeaders); ok {
		v, err := object([]byte(text), "JSON in the attribute "+nServiceBusHeaders)
		if err != nil {
			return nil, err
		}
		put(b, plainHeaders(v))
		return data, nil
	}
	v, err := payload.Decode(data)
	if err != nil || v.Member("Headers").Kind() != payload.Object {
		return data, nil //nolint:nilerr // the message itself
	}
	put(b, plainHeaders(v.Member("Headers")))
	body := v.Member("Body").Text()
	if key := v.Member("S3BodyKey").Text(); body == "" && key != "" {
		return nil, &payload.Unavailable{Reason: "its body is in S3, as " + key + ", and is not fetched"}
	}
	if raw, err := base64.StdEncoding.DecodeString(body); err == nil {
		return raw, nil
	}
	return []byte(body), nil
}

// eventPrefixes begin the names of a CloudEvent's attributes among headers: on
// Kafka, on AMQP 1.0 (two spellings), on HTTP. Sources: CloudEvents' protocol
// bindings, 1.0.
func eventPrefixes() []string { return []string{"ce_", "cloudEvents_", "cloudEvents:", "ce-"} }

// isEventData tells that a scenario writes the data alone, with the attributes as
// headers.
func isEventData(v payload.Value) bool { return v.Member("specversion").IsNil() }

// openCloudEvent takes the data out of a CloudEvent, in structured or binary mode,
// and makes its attributes headers as Kafka has them.
func openCloudEvent(data []byte, b *payload.Body) ([]byte, error) {
	kind, _, _ := strings.Cut(contentType(b), ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case kind == "application/cloudevents+json", kind == "application/cloudevents":
		return structuredEvent(data, b)
	case strings.HasPrefix(kind, "application/cloudevents"):
		return nil, payload.Faultf("it is %s, which is not read: only application/cloudevents+json is", kind)
	}
	var said []message.Header
	names := map[string]bool{}
	for _, h := range b.Headers {
		for _, prefix := range eventPrefixes() {
			name, ok := strings.CutPrefix(h.Name, prefix)
			if !ok {
				continue
			}
			names[name] = true
			if prefix != "ce_" {
				said = append(said, message.Header{Name: "ce_" + name, Value: h.Value})
			}
			break
		}
	}
	if len(names) == 0 {
		return structuredEvent(data, b) // where the content type got lost
	}
	if len(said) > 0 {
		put(b, said)
	}
	return data, lacking(func(name string) bool { return names[name] })
}

// lacking tells which attribute a CloudEvent must have and has not.
func lacking(has func(name string) bool) error {
	for _, name := range []string{"id", "source", "specversion", "type"} {
		if !has(name) {
			return payload.Faultf("the CloudEvent lacks the attribute %s", name)
		}
	}
	return nil
}

// structuredEvent reads the JSON event format.
func structuredEvent(data []byte, b *payload.Body) ([]byte, error) {
	v, err := object(data, "CloudEvent")
	if err != nil {
		return nil, payload.Faultf("it is no CloudEvent: there are no headers ce_… and no content type application/cloudevents+json, and %s", looksLike(data))
	}
	if err := lacking(func(name string) bool { return !v.Member(name).IsNil() }); err != nil {
		return nil, err
	}
	said := plainHeaders(v, "data", "data_base64")
	for i := range said {
		said[i].Name = "ce_" + said[i].Name
	}
	put(b, said)
	if raw := v.Member("data_base64"); !raw.IsNil() {
		out, err := base64.StdEncoding.DecodeString(raw.Text())
		if err != nil {
			return nil, payload.Faultf("the CloudEvent's data_base64 is no base64")
		}
		return out, nil
	}
	kind := strings.ToLower(v.Member("datacontenttype").Text())
	if text := v.Member("data"); text.Kind() == payload.String && kind != "" && !strings.Contains(kind, "json") {
		return []byte(text.Text()), nil
	}
	return inner(v.Member("data")), nil
}

// contentType is what a message says that its body is.
func contentType(b *payload.Body) string {
	if text, ok := b.Properties["content-type"].(string); ok {
		return text
	}
	for i := len(b.Headers) - 1; i >= 0; i-- {
		if strings.EqualFold(b.Headers[i].Name, "content-type") {
			text, _ := b.Headers[i].Value.(string)
			return text
		}
	}
	return ""
}
