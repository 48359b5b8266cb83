package golden;

import com.amazonaws.services.schemaregistry.common.configs.GlueSchemaRegistryConfiguration;
import com.amazonaws.services.schemaregistry.serializers.SerializationDataEncoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.apicurio.registry.resolver.ParsedSchemaImpl;
import io.apicurio.registry.resolver.SchemaLookupResult;
import io.apicurio.registry.resolver.SchemaParser;
import io.apicurio.registry.resolver.SchemaResolver;
import io.apicurio.registry.resolver.data.Record;
import io.apicurio.registry.resolver.strategy.ArtifactReference;
import io.apicurio.registry.resolver.strategy.ArtifactReferenceResolverStrategy;
import io.apicurio.registry.rest.client.RegistryClient;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventSerializer;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;
import shop.OrderOuterClass.Card;
import shop.OrderOuterClass.Cash;
import shop.OrderOuterClass.Order;
import shop.OrderOuterClass.Status;

/**
 * Writes ../golden/java.json: bytes as Java's serializers write them. What each must
 * decode to is taken from python.json, where it is the same datum.
 */
public final class Generate {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path HERE = Path.of("../golden");
  private static final UUID VERSION = UUID.fromString("0f8fad5b-d9cb-469f-a165-70867728950e");

  private final ArrayNode cases = JSON.createArrayNode();
  private final GenericData data = new GenericData();
  private final String avroText = Files.readString(HERE.resolve("order.avsc"));
  private final Schema schema = new Schema.Parser().parse(avroText);

  private Generate() throws Exception {
    data.addLogicalTypeConversion(new Conversions.DecimalConversion());
    data.addLogicalTypeConversion(new TimeConversions.DateConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
  }

  public static void main(String[] args) throws Exception {
    Generate g = new Generate();
    g.avro();
    g.protobuf();
    g.cloudEvents();
    g.kafka();
    Files.writeString(HERE.resolve("java.json"), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(g.cases) + "\n");
  }

  private void avro() throws Exception {
    GenericRecord order = order();
    JsonNode want = want("avro datum");
    byte[] datum = datum(order);
    add("avro datum", datum, want).set("schema", local("AVRO", "order.avsc"));
    ByteArrayOutputStream single = new ByteArrayOutputStream();
    new BinaryMessageEncoder<GenericRecord>(data, schema).encode(order, single);
    add("avro single object", single.toByteArray(), want).set("schema", local("AVRO", "order.avsc"));
    for (CodecFactory codec : List.of(CodecFactory.nullCodec(), CodecFactory.deflateCodec(6))) {
      add("avro container, " + codec, container(order, codec), want).set("schema", local("AVRO", "order.avsc"));
    }
    add("avro, Confluent's framing put by hand", framed(7, datum), want).set("schema", registered("7", "AVRO", avroText));
    Headers headers = new RecordHeaders();
    add("avro, Apicurio's serializer with four bytes of id", apicurio(headers, order), want)
        .set("schema", registered("7", "AVRO", avroText));
    for (String compression : List.of("NONE", "ZLIB")) {
      GlueSchemaRegistryConfiguration config =
          new GlueSchemaRegistryConfiguration(Map.of("region", "eu-west-1", "compression", compression));
      ObjectNode c = add("avro, AWS Glue's encoder, " + compression, new SerializationDataEncoder(config).write(datum, VERSION), want);
      c.put("framing", "glue");
      c.set("schema", local("AVRO", "order.avsc"));
    }
  }

  private GenericRecord order() {
    GenericRecord order = new GenericData.Record(schema);
    order.put("orderId", "o-1");
    order.put("big", Long.MAX_VALUE);
    order.put("total", new BigDecimal("123456789012345678.90"));
    order.put("fee", new BigDecimal("-0.125"));
    order.put("day", LocalDate.of(2026, 11, 22));
    order.put("at", Instant.parse("2026-11-22T10:00:00.001Z"));
    order.put("micros", Instant.parse("2026-11-22T10:00:00.000001Z"));
    order.put("clock", LocalTime.parse("10:00:00.500"));
    order.put("status", new GenericData.EnumSymbol(schema.getField("status").schema(), "PAID"));
    order.put("note", null);
    GenericRecord cash = new GenericData.Record(schema.getField("pay").schema().getTypes().get(2));
    cash.put("coins", 5);
    order.put("pay", cash);
    Schema line = schema.getField("lines").schema().getElementType();
    GenericRecord a = new GenericData.Record(line);
    a.put("sku", "a");
    a.put("qty", 2);
    GenericRecord b = new GenericData.Record(line);
    b.put("sku", "b");
    b.put("qty", 1);
    order.put("lines", List.of(a, b));
    order.put("tags", Map.of("x", -(1L << 53) - 1));
    order.put("raw", ByteBuffer.wrap(new byte[] {0, 1}));
    order.put("weight", 0.1f);
    order.put("paid", true);
    return order;
  }

  private byte[] datum(GenericRecord order) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(schema, data).write(order, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  private byte[] container(GenericRecord order, CodecFactory codec) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DataFileWriter<GenericRecord> writer = new DataFileWriter<>(new GenericDatumWriter<GenericRecord>(schema, data))) {
      writer.setCodec(codec);
      writer.create(schema, out, "0123456789abcdef".getBytes(StandardCharsets.US_ASCII)).append(order);
    }
    return out.toByteArray();
  }

  /** Apicurio's serializer, told to write ids as Confluent's do; its registry always says 7. */
  private byte[] apicurio(Headers headers, GenericRecord order) {
    AvroKafkaSerializer<GenericRecord> serializer = new AvroKafkaSerializer<>(new Always(schema, avroText));
    serializer.configure(Map.of(
        "apicurio.registry.url", "http://127.0.0.1:1", "apicurio.registry.as-confluent", true,
        "apicurio.registry.headers.enabled", false,
        "apicurio.registry.avro-datum-provider", Converting.class.getName()), false);
    return serializer.serialize("orders", headers, order);
  }

  /** Writes decimals and times as data does. */
  public static final class Converting extends io.apicurio.registry.serde.avro.DefaultAvroDatumProvider<GenericRecord> {
    @Override
    public org.apache.avro.io.DatumWriter<GenericRecord> createDatumWriter(GenericRecord order, Schema schema) {
      try {
        return new GenericDatumWriter<>(schema, new Generate().data);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private record Always(Schema schema, String text) implements SchemaResolver<Schema, GenericRecord> {
    @Override
    public void setClient(RegistryClient client) {}

    @Override
    public void setArtifactResolverStrategy(ArtifactReferenceResolverStrategy<Schema, GenericRecord> strategy) {}

    @Override
    public SchemaParser<Schema, GenericRecord> getSchemaParser() {
      return null;
    }

    @Override
    public SchemaLookupResult<Schema> resolveSchema(Record<GenericRecord> record) {
      return SchemaLookupResult.<Schema>builder().globalId(7).contentId(7)
          .parsedSchema(new ParsedSchemaImpl<Schema>().setParsedSchema(schema).setRawSchema(text.getBytes(StandardCharsets.UTF_8)))
          .build();
    }

    @Override
    public SchemaLookupResult<Schema> resolveSchemaByArtifactReference(ArtifactReference reference) {
      return resolveSchema(null);
    }

    @Override
    public void reset() {}

    @Override
    public void close() {}
  }

  private void protobuf() throws Exception {
    Order order = Order.newBuilder()
        .setOrderId("o-1").setBig(Long.MAX_VALUE).setBigger(-1).setTotal(42.5).setStatus(Status.PAID)
        .setAt(Timestamps.parse("2026-11-22T10:00:00.001Z")).setTook(Durations.fromMillis(1500)).setNote(StringValue.of(""))
        .setExtra(Struct.newBuilder().putFields("a", Value.newBuilder().setListValue(ListValue.newBuilder()
            .addValues(Value.newBuilder().setNumberValue(1))
            .addValues(Value.newBuilder().setNullValue(NullValue.NULL_VALUE))
            .addValues(Value.newBuilder().setStringValue("x"))).build()))
        .setCash(Cash.newBuilder().setCoins(5))
        .addLines(Order.Line.newBuilder().setSku("a").setQty(2)).addLines(Order.Line.newBuilder().setSku("b"))
        .putTags("x", -(1L << 53) - 1).setRaw(ByteString.copyFrom(new byte[] {0, 1})).setDiscount(0).build();
    JsonNode want = want("protobuf datum");
    String text = Files.readString(HERE.resolve("order.proto"));
    add("protobuf datum", order.toByteArray(), want).set("schema", local("PROTOBUF", "order.proto#shop.Order"));
    add("protobuf, Confluent's framing put by hand, the second message", framed(7, indexed(order, 2, 2)), want)
        .set("schema", registered("7", "PROTOBUF", text));
    add("protobuf, Confluent's framing put by hand, a nested message",
        framed(7, indexed(order.getLines(0), 4, 2, 0)), JSON.readTree("{\"sku\":\"a\",\"qty\":2}"))
        .set("schema", registered("7", "PROTOBUF", text));
    add("protobuf, the other branch", Order.newBuilder().setCard(Card.newBuilder().setNumber("4")).build().toByteArray(),
        JSON.readTree("{\"orderId\":\"\",\"big\":0,\"bigger\":0,\"total\":0,\"status\":\"NEW\",\"card\":{\"number\":\"4\"},"
            + "\"lines\":[],\"tags\":{},\"raw\":\"\",\"paid\":false}"))
        .set("schema", local("PROTOBUF", "order.proto#shop.Order"));
  }

  /** The message with the path to it before it; the numbers are zigzag varints of one byte. */
  private static byte[] indexed(Message message, int... path) {
    byte[] body = message.toByteArray();
    ByteBuffer out = ByteBuffer.allocate(path.length + body.length);
    for (int i : path) {
      out.put((byte) i);
    }
    return out.put(body).array();
  }

  private static byte[] framed(int id, byte[] body) {
    return ByteBuffer.allocate(5 + body.length).put((byte) 0).putInt(id).put(body).array();
  }

  private void cloudEvents() throws Exception {
    CloudEvent event = CloudEventBuilder.v1().withId("e-1").withSource(URI.create("/shop")).withType("order.placed")
        .withTime(OffsetDateTime.parse("2026-11-22T10:00:00.001Z")).withExtension("tenant", "acme")
        .withData("application/json", "{\"orderId\":\"o-1\",\"total\":42.50}".getBytes(StandardCharsets.UTF_8)).build();
    JsonNode want = JSON.readTree("{\"orderId\":\"o-1\",\"total\":\"NUMBER 42.5\"}");
    for (Encoding encoding : Encoding.values()) {
      Map<String, Object> config = new HashMap<>(Map.of(CloudEventSerializer.ENCODING_CONFIG, encoding));
      config.put(CloudEventSerializer.EVENT_FORMAT_CONFIG, JsonFormat.CONTENT_TYPE);
      if (encoding == Encoding.BINARY) {
        config.remove(CloudEventSerializer.EVENT_FORMAT_CONFIG);
      }
      CloudEventSerializer serializer = new CloudEventSerializer();
      serializer.configure(config, false);
      Headers headers = new RecordHeaders();
      ObjectNode c = add("a CloudEvent, " + encoding.name().toLowerCase(), serializer.serialize("orders", headers, event), want, headers);
      c.put("envelope", "cloudevents");
      c.put("format", "json");
      c.put("ceType", "order.placed");
    }
  }

  /** What Kafka's own clients bring. */
  private void kafka() {
    add("Kafka's StringSerializer", new StringSerializer().serialize("t", "Grüße 🚚"), JSON.getNodeFactory().textNode("Grüße 🚚")).put("format", "text");
    add("Kafka's UUIDSerializer", new UUIDSerializer().serialize("t", VERSION), JSON.getNodeFactory().textNode(VERSION.toString())).put("format", "text");
    add("Kafka's LongSerializer", new LongSerializer().serialize("t", -2L), JSON.getNodeFactory().textNode("//////////4=")).put("format", "bytes");
    add("Kafka's IntegerSerializer", new IntegerSerializer().serialize("t", 7), JSON.getNodeFactory().textNode("AAAABw==")).put("format", "bytes");
  }

  private ObjectNode add(String name, byte[] body, JsonNode want) {
    return add(name, body, want, new RecordHeaders());
  }

  private ObjectNode add(String name, byte[] body, JsonNode want, Headers headers) {
    ObjectNode c = cases.addObject();
    c.put("name", name);
    c.put("hex", HexFormat.of().formatHex(body));
    ArrayNode all = c.putArray("headers");
    for (Header h : headers) {
      all.addArray().add(h.key()).add(HexFormat.of().formatHex(h.value()));
    }
    c.set("want", want);
    return c;
  }

  private static ObjectNode local(String type, String file) {
    return JSON.createObjectNode().put("type", type).put("text", "").put("local", file);
  }

  private static ObjectNode registered(String ref, String type, String text) {
    return JSON.createObjectNode().put("ref", ref).put("type", type).put("text", text);
  }

  private static JsonNode want(String name) throws Exception {
    for (JsonNode c : JSON.readTree(HERE.resolve("python.json").toFile())) {
      if (c.get("name").asText().equals(name)) {
        return c.get("want");
      }
    }
    throw new IllegalStateException("python.json has no " + name);
  }
}
