// Package wire has the sample shop speak Avro on Kafka, in Confluent's framing and
// by schemas that it registers, and Protobuf on RabbitMQ.
//
//	the shop's JSON → avroCoding → 0, the schema's id, the datum → Kafka
//	                → protoCoding → the message → RabbitMQ
//
// It is written without flowcheck's own codecs, so that each tries the other.
package wire

import (
	"context"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flowcheck/flowcheck/examples/shop"
)

//go:embed *.avsc *.proto
var schemas embed.FS

// Open registers the schemas of the shop's events and makes the codings of its
// bodies.
func Open(ctx context.Context, registry string) (shop.Codings, error) {
	client, err := sr.NewClient(sr.URLs(registry))
	if err != nil {
		return shop.Codings{}, err
	}
	events := map[string]shop.Coding{}
	for topic, file := range map[string]string{"orders": "order.avsc", "orders.dlt": "order.avsc", "payments": "payment.avsc"} {
		if events[topic], err = register(ctx, client, topic+"-value", file); err != nil {
			return shop.Codings{}, fmt.Errorf("wire: %s: %w", file, err)
		}
	}
	shipments, err := compile(ctx, "shipment.proto", "Shipment")
	if err != nil {
		return shop.Codings{}, fmt.Errorf("wire: %w", err)
	}
	return shop.Codings{Events: events, Shipments: shipments}, nil
}

// avroCoding is Avro in Confluent's framing, of one schema.
type avroCoding struct {
	id     uint32
	schema *avro.Schema
}

func register(ctx context.Context, client *sr.Client, subject, file string) (shop.Coding, error) {
	text, err := schemas.ReadFile(file)
	if err != nil {
		return nil, err
	}
	registered, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: string(text)})
	if err != nil {
		return nil, err
	}
	schema, err := avro.Parse(string(text))
	return avroCoding{uint32(registered.ID), schema}, err
}

// frame is how long Confluent's framing is.
const frame = 5

// Encode implements shop.Coding.
func (c avroCoding) Encode(text []byte) ([]byte, error) {
	var datum any
	if err := c.schema.DecodeJSON(text, &datum); err != nil {
		return nil, err
	}
	data, err := c.schema.Encode(datum)
	return append(binary.BigEndian.AppendUint32([]byte{0}, c.id), data...), err
}

var errNotOurs = errors.New("it does not begin with the shop's schema")

// Decode implements shop.Coding.
func (c avroCoding) Decode(body []byte) ([]byte, error) {
	if len(body) < frame || body[0] != 0 || binary.BigEndian.Uint32(body[1:]) != c.id {
		return nil, errNotOurs
	}
	var datum any
	rest, err := c.schema.Decode(body[frame:], &datum)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left", len(rest))
	}
	if err != nil {
		return nil, err
	}
	return c.schema.EncodeJSON(datum)
}

// protoCoding is a Protobuf message as it is.
type protoCoding struct {
	message protoreflect.MessageDescriptor
}

func compile(ctx context.Context, file, message string) (shop.Coding, error) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: func(name string) (io.ReadCloser, error) { return schemas.Open(name) },
	}}
	files, err := compiler.Compile(ctx, file)
	if err != nil {
		return nil, err
	}
	return protoCoding{files[0].Messages().ByName(protoreflect.Name(message))}, nil
}

// Encode implements shop.Coding. The same text is always the same bytes: a copy is
// not to differ from its origin.
func (c protoCoding) Encode(text []byte) ([]byte, error) {
	m := dynamicpb.NewMessage(c.message)
	if err := protojson.Unmarshal(text, m); err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Decode implements shop.Coding. What is not set is null.
func (c protoCoding) Decode(body []byte) ([]byte, error) {
	m := dynamicpb.NewMessage(c.message)
	if err := proto.Unmarshal(body, m); err != nil {
		return nil, err
	}
	if len(m.GetUnknown()) > 0 {
		return nil, errors.New("it has fields that a shipment has not")
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	fields := c.message.Fields()
	for i := range fields.Len() {
		if name := fields.Get(i).JSONName(); all[name] == nil {
			all[name] = json.RawMessage("null")
		}
	}
	return json.Marshal(all)
}
