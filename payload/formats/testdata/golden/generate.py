"""Writes python.json: bytes as Python's serializers write them; ../java writes java.json.

  python3 -m venv venv
  venv/bin/pip install 'confluent-kafka[avro,protobuf,json,schemaregistry]==2.16.0' fastavro==1.13.1 grpcio-tools==1.85.1
  venv/bin/python generate.py
"""
import datetime, decimal, gzip, io, json, pathlib, subprocess, sys, tempfile

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaReference
from confluent_kafka.schema_registry import header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

here = pathlib.Path(__file__).parent
registry = SchemaRegistryClient.new_client({"url": "mock://"})
cases = []


def schema_of(data, headers):
    """The schema that the mock registry gave the id, or the GUID, in the framing."""
    head = dict(headers).get("__value_schema_id") or dict(headers).get("__key_schema_id") or data
    if head[0] == 0:
        ref, schema = str(int.from_bytes(head[1:5], "big")), registry.get_schema(int.from_bytes(head[1:5], "big"))
    else:
        h = head[1:17].hex()
        ref = "-".join([h[:8], h[8:12], h[12:16], h[16:20], h[20:]])
        schema = registry.get_schema_by_guid(ref)
    return {"ref": ref, "type": schema.schema_type, "text": schema.schema_str,
            "references": [{"name": r.name, "text": registry.get_version(r.subject, r.version).schema.schema_str}
                           for r in schema.references or []]}


def case(name, data, want, headers=(), schema=None, **more):
    cases.append({"name": name, "hex": data.hex(), "headers": [[k, v.hex()] for k, v in headers],
                  "schema": schema, "want": want, **more})


def framed(name, serializer, value, want, field=MessageField.VALUE, key=False):
    headers = []
    ctx = SerializationContext("orders", field, headers)
    data = serializer(value, ctx)
    case(name, data, want, headers, schema_of(data, headers), key=key)


# Avro

avro_text = (here / "order.avsc").read_text()
order = {
    "orderId": "o-1", "big": 2**63 - 1, "total": decimal.Decimal("123456789012345678.90"),
    "fee": decimal.Decimal("-0.125"), "day": datetime.date(2026, 11, 22),
    "at": datetime.datetime(2026, 11, 22, 10, 0, 0, 1000, tzinfo=datetime.timezone.utc),
    "micros": datetime.datetime(2026, 11, 22, 10, 0, 0, 1, tzinfo=datetime.timezone.utc),
    "clock": datetime.time(10, 0, 0, 500000), "status": "PAID", "note": None, "pay": ("shop.Cash", {"coins": 5}),
    "lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}], "tags": {"x": -(2**53) - 1}, "raw": b"\x00\x01",
    "weight": 0.1, "paid": True,
}
avro_want = {
    "orderId": "o-1", "big": 2**63 - 1, "total": "NUMBER 123456789012345678.90", "fee": "NUMBER -0.125",
    "day": "2026-11-22", "at": "2026-11-22T10:00:00.001Z", "micros": "2026-11-22T10:00:00.000001Z",
    "clock": "10:00:00.5", "status": "PAID", "note": None, "pay": {"coins": 5},
    "lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}], "tags": {"x": -(2**53) - 1}, "raw": "AAE=",
    "weight": "NUMBER 0.1", "paid": True,
}
framed("avro", AvroSerializer(registry, avro_text), order, avro_want)
framed("avro, the id in a header",
       AvroSerializer(registry, avro_text, conf={"schema.id.serializer": header_schema_id_serializer}), order, avro_want)
framed("avro key", AvroSerializer(registry, '"long"'), 7, 7, MessageField.KEY, True)
registry.register_schema("line", Schema('{"type":"record","name":"Item","namespace":"shop","fields":[{"name":"sku","type":"string"}]}', "AVRO"))
refs = Schema('{"type":"record","name":"Basket","namespace":"shop","fields":[{"name":"items","type":{"type":"array","items":"shop.Item"}}]}',
              "AVRO", [SchemaReference("shop.Item", "line", 1)])
framed("avro that refers to another schema", AvroSerializer(registry, refs), {"items": [{"sku": "a"}]}, {"items": [{"sku": "a"}]})

parsed = fastavro.parse_schema(json.loads(avro_text))
plain = {"type": "AVRO", "text": avro_text, "local": "order.avsc"}
out = io.BytesIO()
fastavro.schemaless_writer(out, parsed, order)
case("avro datum", out.getvalue(), avro_want, schema=plain)
for codec in ["null", "deflate"]:
    out = io.BytesIO()
    fastavro.writer(out, parsed, [order], codec=codec, sync_marker=b"0123456789abcdef")
    case("avro container, " + codec, out.getvalue(), avro_want, schema=plain)
out = io.BytesIO()
fastavro.writer(out, parsed, [order, order], sync_marker=b"0123456789abcdef")
case("avro container of two", out.getvalue(), [avro_want, avro_want], schema=plain)

# JSON Schema

framed("json", JSONSerializer((here / "order.json").read_text(), registry), {"orderId": "o-1", "qty": 2}, {"orderId": "o-1", "qty": 2})

# Protobuf

with tempfile.TemporaryDirectory() as d:
    subprocess.check_call([sys.executable, "-m", "grpc_tools.protoc", f"-I{here}", f"--python_out={d}", str(here / "order.proto")])
    sys.path.insert(0, d)
    import order_pb2 as pb
message = pb.Order(order_id="o-1", big=2**63 - 1, bigger=2**64 - 1, total=42.5, status=pb.PAID, cash=pb.Cash(coins=5),
                   lines=[pb.Order.Line(sku="a", qty=2), pb.Order.Line(sku="b")], tags={"x": -(2**53) - 1}, raw=b"\x00\x01", discount=0)
message.at.FromJsonString("2026-11-22T10:00:00.001Z")
message.took.FromJsonString("1.500s")
message.note.value = ""
message.extra.update({"a": [1, None, "x"]})
proto_want = {
    "orderId": "o-1", "big": 2**63 - 1, "bigger": 2**64 - 1, "total": "NUMBER 42.5", "status": "PAID",
    "at": "2026-11-22T10:00:00.001Z", "took": "1.5s", "note": "", "extra": {"a": [1, None, "x"]}, "cash": {"coins": 5},
    "lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 0}], "tags": {"x": -(2**53) - 1}, "raw": "AAE=", "discount": 0, "paid": False,
}
framed("protobuf, the second message", ProtobufSerializer(pb.Order, registry), message, proto_want)
framed("protobuf, a nested message", ProtobufSerializer(pb.Order.Line, registry), pb.Order.Line(sku="a", qty=2), {"sku": "a", "qty": 2})
framed("protobuf, the first message", ProtobufSerializer(pb.Other, registry), pb.Other(), {})
framed("protobuf, the id in a header",
       ProtobufSerializer(pb.Order.Line, registry, conf={"schema.id.serializer": header_schema_id_serializer}),
       pb.Order.Line(sku="a", qty=2), {"sku": "a", "qty": 2})
case("protobuf datum", message.SerializeToString(deterministic=True), proto_want,
     schema={"type": "PROTOBUF", "text": "", "local": "order.proto#shop.Order"})

(here / "python.json").write_text(json.dumps(cases, indent=1) + "\n")
