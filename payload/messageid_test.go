package payload

import (
	"testing"

	"github.com/flowcheck/flowcheck/message"
)

func TestMessageID(t *testing.T) {
	amqp := func(name string, v any) map[string]any { return map[string]any{"exchange": "", name: v} }
	headers := func(pairs ...any) (all []message.Header) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, message.Header{Name: pairs[i].(string), Value: pairs[i+1]})
		}
		return all
	}
	event := []byte(`{"specversion":"1.0","id":"ev-1","data":{"id":"inner"}}`)
	const structured = "application/cloudevents+json; charset=UTF-8"
	cases := map[string]struct {
		m    message.Message
		want string
	}{
		"nothing":               {message.Message{Payload: event}, ""},
		"AMQP":                  {message.Message{Properties: amqp("message-id", "m-1"), Headers: headers("ce_id", "ev-2")}, "m-1"},
		"AMQP, empty":           {message.Message{Properties: amqp("message-id", "")}, ""},
		"AMQP 1.0, long":        {message.Message{Properties: amqp("a", "b"), Headers: headers("x-message-id", int64(7))}, "7"},
		"not AMQP":              {message.Message{Headers: headers("x-message-id", "m-1")}, ""},
		"Kafka, binary":         {message.Message{Headers: headers("ce_id", "ev-1", "a", "b")}, "ev-1"},
		"AMQP, binary":          {message.Message{Properties: amqp("a", "b"), Headers: headers("cloudEvents_id", "ev-1")}, "ev-1"},
		"AMQP, binary, old":     {message.Message{Properties: amqp("a", "b"), Headers: headers("cloudEvents:id", "ev-1")}, "ev-1"},
		"repeated":              {message.Message{Headers: headers("ce_id", "ev-1", "ce_id", "ev-2")}, "ev-2"},
		"Kafka, structured":     {message.Message{Headers: headers("Content-Type", structured), Payload: event}, "ev-1"},
		"AMQP, structured":      {message.Message{Properties: amqp("content-type", structured), Payload: event}, "ev-1"},
		"structured, bare type": {message.Message{Headers: headers("content-type", "application/CloudEvents"), Payload: event}, "ev-1"},
		"other type":            {message.Message{Headers: headers("content-type", "application/json"), Payload: event}, ""},
		"batch":                 {message.Message{Headers: headers("content-type", "application/cloudevents-batch+json"), Payload: event}, ""},
		"structured, no id":     {message.Message{Headers: headers("content-type", structured), Payload: []byte(`{"id":5}`)}, ""},
		"structured, no JSON":   {message.Message{Headers: headers("content-type", structured), Payload: []byte(`{"id":"a"`)}, ""},
		"structured, tombstone": {message.Message{Headers: headers("content-type", structured)}, ""},
	}
	for name, c := range cases {
		got, ok := MessageID(&message.Observation{Message: c.m})
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q %v, want %q", name, got, ok, c.want)
		}
	}
}
