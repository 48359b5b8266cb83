package protobuf

import (
	"encoding/base64"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flowcheck/flowcheck/payload"
)

// reader makes Values of messages.
type reader struct{ types *dynamicpb.Types }

// message has special Values for well-known types.
func (r reader) message(m protoreflect.Message, depth int) payload.Value {
	if depth > maxDepth {
		return payload.Value{}
	}
	name := m.Descriptor().FullName()
	switch {
	case name == "google.protobuf.Timestamp":
		return payload.OfString(time.Unix(integer(m, "seconds"), integer(m, "nanos")).UTC().Format(time.RFC3339Nano))
	case name == "google.protobuf.Duration":
		return payload.OfString(seconds(integer(m, "seconds"), integer(m, "nanos")))
	case name == "google.protobuf.Any":
		return r.any(m, depth)
	case name == "confluent.type.Decimal":
		return decimal(m)
	case name.Parent() == "google.protobuf" && isWrapper(name.Name()):
		fd := m.Descriptor().Fields().ByName("value")
		return r.single(fd, m.Get(fd), depth)
	case name.Parent() == "google.protobuf" && isStruct(name.Name()):
		return r.structure(m, depth)
	}
	fields := m.Descriptor().Fields()
	members := make([]payload.Member, 0, fields.Len())
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.HasPresence() && !m.Has(fd) {
			continue
		}
		members = append(members, payload.Member{Name: fd.JSONName(), Value: r.field(fd, m.Get(fd), depth)})
	}
	return payload.OfObject(members)
}

func isWrapper(name protoreflect.Name) bool {
	return strings.HasSuffix(string(name), "Value") && name != "Value" && name != "ListValue" && name != "NullValue" && name != "EnumValue"
}

func isStruct(name protoreflect.Name) bool {
	return name == "Struct" || name == "Value" || name == "ListValue"
}

// structure is a Struct, a ListValue, or a Value: JSON within a message.
func (r reader) structure(m protoreflect.Message, depth int) payload.Value {
	fields := m.Descriptor().Fields()
	if m.Descriptor().Name() != "Value" {
		fd := fields.Get(0) // the fields, or the values
		return r.field(fd, m.Get(fd), depth)
	}
	fd := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if fd == nil || fd.Name() == "null_value" {
		return payload.Value{}
	}
	v := r.field(fd, m.Get(fd), depth)
	if f := v.Float(); v.Kind() == payload.Float && f == float64(int64(f)) && f > -1<<53 && f < 1<<53 {
		return payload.OfInt(int64(f))
	}
	return v
}

// any is the message within an Any, with its type as @type; where that is not
// known, its bytes.
func (r reader) any(m protoreflect.Message, depth int) payload.Value {
	fields := m.Descriptor().Fields()
	url := m.Get(fields.ByName("type_url")).String()
	data := m.Get(fields.ByName("value")).Bytes()
	members := []payload.Member{{Name: "@type", Value: payload.OfString(url)}}
	t, err := r.types.FindMessageByURL(url)
	if err == nil {
		inner := t.New()
		if unmarshal(data, inner.Interface(), r.types) == nil {
			v := r.message(inner, depth+1)
			if v.Kind() != payload.Object {
				return payload.OfObject(append(members, payload.Member{Name: "value", Value: v}))
			}
			return payload.OfObject(append(members, v.Object()...))
		}
	}
	return payload.OfObject(append(members, payload.Member{Name: "value", Value: octets(data)}))
}

// decimal is Confluent's type of decimals.
func decimal(m protoreflect.Message) payload.Value {
	fields := m.Descriptor().Fields()
	raw, scale := m.Get(fields.ByName("value")).Bytes(), integer(m, "scale")
	const most = 4096
	if len(raw) > most || scale < 0 || scale > most {
		return payload.Value{}
	}
	n := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	text := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(scale), nil)).FloatString(int(scale))
	if v := payload.ParseNumber(text); payload.Plain(v) == text {
		return v
	}
	return payload.OfNumber(text)
}

func (r reader) field(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) payload.Value {
	switch {
	case fd.IsMap():
		return r.table(fd, v.Map(), depth)
	case fd.IsList():
		items := make([]payload.Value, v.List().Len())
		for i := range items {
			items[i] = r.single(fd, v.List().Get(i), depth)
		}
		return payload.OfList(items)
	default:
		return r.single(fd, v, depth)
	}
}

func (r reader) table(fd protoreflect.FieldDescriptor, m protoreflect.Map, depth int) payload.Value {
	members := make([]payload.Member, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		members = append(members, payload.Member{Name: k.String(), Value: r.single(fd.MapValue(), v, depth)})
		return true
	})
	slices.SortFunc(members, func(a, b payload.Member) int { return strings.Compare(a.Name, b.Name) })
	return payload.OfObject(members)
}

func (r reader) single(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) payload.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return payload.OfBool(v.Bool())
	case protoreflect.StringKind:
		return payload.OfString(v.String())
	case protoreflect.BytesKind:
		return octets(v.Bytes())
	case protoreflect.EnumKind:
		if value := fd.Enum().Values().ByNumber(v.Enum()); value != nil {
			return payload.OfString(string(value.Name()))
		}
		return payload.OfInt(int64(v.Enum()))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return r.message(v.Message(), depth+1)
	case protoreflect.FloatKind:
		return payload.FromAny(float32(v.Float()))
	case protoreflect.DoubleKind:
		return payload.OfFloat(v.Float())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return payload.FromAny(v.Uint())
	default:
		return payload.OfInt(v.Int())
	}
}

func octets(b []byte) payload.Value { return payload.OfString(base64.StdEncoding.EncodeToString(b)) }

func integer(m protoreflect.Message, name protoreflect.Name) int64 {
	fd := m.Descriptor().Fields().ByName(name)
	if fd == nil {
		return 0
	}
	switch n := m.Get(fd).Interface().(type) {
	case int32:
		return int64(n)
	case int64:
		return n
	case uint32:
		return int64(n)
	default:
		return 0
	}
}

// seconds spells a Duration as Protobuf's JSON does, without zeros at its end.
func seconds(s, nanos int64) string {
	sign := ""
	if s < 0 || nanos < 0 {
		sign, s, nanos = "-", -s, -nanos
	}
	text := sign + strconv.FormatInt(s, 10)
	if nanos != 0 {
		fraction := strconv.FormatInt(1_000_000_000+nanos, 10)[1:]
		text += "." + strings.TrimRight(fraction, "0")
	}
	return text + "s"
}
