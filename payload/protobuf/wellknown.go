package protobuf

// wellKnown are files that producers import without registering them: Confluent's
// serializers know them. Only what the wire needs is here.
//
// Sources: confluentinc/schema-registry, protobuf-types; googleapis, google/type.
func wellKnown() map[string]string {
	const head = "syntax = \"proto3\";\n"
	return map[string]string{
		"confluent/meta.proto": head + `package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`,
		"confluent/type/decimal.proto": head + `package confluent.type;
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
`,
		"google/type/date.proto": head + `package google.type;
message Date {
  int32 year = 1;
  int32 month = 2;
  int32 day = 3;
}
`,
		"google/type/decimal.proto": head + `package google.type;
message Decimal { string value = 1; }
`,
		"google/type/money.proto": head + `package google.type;
message Money {
  string currency_code = 1;
  int64 units = 2;
  int32 nanos = 3;
}
`,
		"google/type/timeofday.proto": head + `package google.type;
message TimeOfDay {
  int32 hours = 1;
  int32 minutes = 2;
  int32 seconds = 3;
  int32 nanos = 4;
}
`,
	}
}
