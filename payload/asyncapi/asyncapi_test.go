package asyncapi

import (
	"fmt"
	"strings"
	"testing"
)

const two = `asyncapi: '2.6.0'
info: { title: Shop, version: 1.0.0 }
servers:
  production: { url: 'localhost:9092', protocol: kafka }
channels:
  orders:
    publish:
      message:
        oneOf:
          - $ref: '#/components/messages/OrderPlaced'
          - $ref: '#/components/messages/OrderGone'
components:
  messages:
    OrderPlaced:
      correlationId: { location: '$message.payload#/orderId' }
      payload: { $ref: '#/components/schemas/Order' }
    OrderGone:
      schemaFormat: 'application/vnd.apache.avro;version=1.9.0'
      payload: { type: record, name: Gone, fields: [ { name: orderId, type: string } ] }
    Lost: { $ref: '#/components/messages/Lost' }
    Elsewhere: { $ref: 'other.yaml#/a' }
  schemas:
    Order: { type: object, required: [ orderId ], properties: { orderId: { type: string } } }
`

const three = `asyncapi: 3.0.0
info: { title: Shop, version: 1.0.0 }
servers:
  production: { host: 'localhost:5672', protocol: amqp }
channels:
  shipped:
    address: shipping
    messages:
      Shipped:
        payload:
          schemaFormat: 'application/vnd.google.protobuf;version=3'
          schema: 'syntax = "proto3"; message Shipped { string order_id = 1; }'
operations:
  onShipped: { action: receive, channel: { $ref: '#/channels/shipped' } }
`

func read(t *testing.T, text string) *Document {
	t.Helper()
	if !Is([]byte(text)) {
		t.Error("it is not seen to be a document")
	}
	d, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestVersion2(t *testing.T) {
	d := read(t, two)
	channels, errs := d.Channels()
	if len(errs) > 0 || len(channels) != 1 || len(channels[0].Messages) != 2 || !channels[0].Receives || channels[0].Sends {
		t.Fatalf("got %+v, %v", channels, errs)
	}
	placed, gone := channels[0].Messages[0], channels[0].Messages[1]
	if placed.Format != "json" || placed.Pointer != "/components/messages/OrderPlaced/payload" || placed.CorrelationID != "$message.payload#/orderId" {
		t.Errorf("got %+v", placed)
	}
	if gone.Format != "avro" || !strings.Contains(gone.Schema, `"record"`) {
		t.Errorf("got %+v", gone)
	}
	if s := d.Servers(); len(s) != 1 || s[0].Name != "production" || s[0].URL != "localhost:9092" || s[0].Protocol != "kafka" {
		t.Errorf("got %+v", s)
	}
	for name, want := range map[string]string{"Lost": "refers to itself", "Elsewhere": "another file", "Nobody": "has no message", "": "say which message"} {
		if _, err := d.Message(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVersion3(t *testing.T) {
	channels, errs := read(t, three).Channels()
	if len(errs) > 0 || len(channels) != 1 || channels[0].Address != "shipping" || !channels[0].Receives {
		t.Fatalf("got %+v, %v", channels, errs)
	}
	if m := channels[0].Messages[0]; m.Format != "protobuf" || !strings.Contains(m.Schema, "proto3") {
		t.Errorf("got %+v", m)
	}
}

const secured = `asyncapi: %s
info: { title: Lights, version: 1.0.0 }
servers:
  cluster:
    %s
    protocol: kafka-secure
    security: [ %s ]
    bindings: { kafka: { schemaRegistryUrl: 'https://registry.example' } }
channels:
  lights/{lamp}:
    %s
    parameters: { lamp: %s }
components:
  securitySchemes: { scram: { type: scramSha512 } }
  messageTraits: { tied: { correlationId: { location: '$message.header#/lampId' } } }
  messages:
    Lit:
      traits: [ { $ref: '#/components/messageTraits/tied' } ]
      payload: %s
`

// TestVersionsSayTheSame: what 2.x and 3.x spell differently is the same here.
func TestVersionsSayTheSame(t *testing.T) {
	for version, text := range map[string]string{
		"2.6.0": fmt.Sprintf(secured, "2.6.0", "url: 'host:{port}'\n    variables: { port: { default: '9093' } }", "scram: []",
			"publish: { message: { oneOf: [ { $ref: '#/components/messages/Lit' } ] } }", "{ schema: { type: string, enum: [ a, b ] } }",
			"{ $ref: 'https://elsewhere.example/lit.avsc' }\n      schemaFormat: application/vnd.apache.avro"),
		"3.0.0": fmt.Sprintf(secured, "3.0.0", "host: 'host:{port}'\n    variables: { port: { default: '9093' } }", "{ $ref: '#/components/securitySchemes/scram' }",
			"address: 'lights/{lamp}'\n    messages: { Lit: { $ref: '#/components/messages/Lit' } }", "{ enum: [ a, b ] }",
			"{ schemaFormat: application/vnd.apache.avro, schema: { $ref: 'https://elsewhere.example/lit.avsc' } }") +
			"operations: { on: { action: receive, channel: { $ref: '#/channels/lights~1{lamp}' } } }\n",
	} {
		d := read(t, text)
		s := d.Servers()
		if len(s) != 1 || s[0].Login != "scramSha512" || s[0].Registry != "https://registry.example" || s[0].Defaults["port"] != "9093" {
			t.Errorf("%s: servers %+v", version, s)
		}
		channels, errs := d.Channels()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), "lit.avsc, another file") {
			t.Errorf("%s: %v", version, errs)
		}
		if len(channels) != 1 || channels[0].Address != "lights/{lamp}" || !channels[0].Receives || channels[0].Parameters["lamp"] != "a" {
			t.Fatalf("%s: channels %+v", version, channels)
		}
		if m := channels[0].Messages; len(m) != 1 || m[0].Name != "Lit" || m[0].Format != "avro" || m[0].CorrelationID != "$message.header#/lampId" {
			t.Errorf("%s: messages %+v", version, m)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(two))
	f.Add([]byte(three))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := Read(data)
		if err != nil {
			return
		}
		d.Channels()
		d.Servers()
		_, _ = d.Message("OrderPlaced")
	})
}
