package payload

import (
	"strconv"
	"strings"

	"github.com/flowcheck/flowcheck/message"
)

var eventID = NewPaths([][]Elem{{{Name: "id"}}})

// MessageID returns the id that the producer gave the message: AMQP's
// message-id, else the id of a CloudEvent, in a header (binary mode) or in the
// body (structured mode). False where it has neither, or an empty one. The
// text may share the message's bytes.
//
// Sources: CloudEvents' Kafka and AMQP protocol bindings, 1.0; RabbitMQ's
// mc_amqpl.erl for x-message-id.
func MessageID(o *message.Observation) (string, bool) {
	if id := idText(o.Properties["message-id"]); id != "" {
		return id, true
	}
	if _, amqp := o.Properties["exchange"]; amqp {
		// An AMQP 1.0 id that does not fit 0-9-1's property.
		if v, ok := o.Header("x-message-id"); ok && idText(v) != "" {
			return idText(v), true
		}
	}
	structured := isEventType(o.Properties["content-type"])
	for i := len(o.Headers) - 1; i >= 0; i-- {
		h := &o.Headers[i]
		switch h.Name {
		case "ce_id", "cloudEvents_id", "cloudEvents:id":
			if id := idText(h.Value); id != "" {
				return id, true
			}
		default:
			if !structured && len(h.Name) == len("content-type") && strings.EqualFold(h.Name, "content-type") {
				structured = isEventType(h.Value)
			}
		}
	}
	if !structured {
		return "", false
	}
	var id [1]Value
	if eventID.Extract(o.Payload, id[:]) != nil {
		return "", false
	}
	return id[0].Text(), id[0].Text() != ""
}

// isEventType reports whether a content type says that the body is a
// CloudEvent as JSON. A batch has no id of its own.
func isEventType(v any) bool {
	text, _ := v.(string)
	const want = "application/cloudevents"
	if len(text) < len(want) || !strings.EqualFold(text[:len(want)], want) {
		return false
	}
	rest, _, _ := strings.Cut(text[len(want):], ";")
	return rest == "" || strings.EqualFold(strings.TrimSpace(rest), "+json")
}

func idText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		return ""
	}
}
