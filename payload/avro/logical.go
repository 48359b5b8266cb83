package avro

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/twmb/avro"

	"github.com/flowcheck/flowcheck/payload"
)

// conversions make Values of what the library would make Go's own types of.
func conversions() []avro.SchemaOpt {
	return []avro.SchemaOpt{
		avro.CustomType{LogicalType: "decimal", AvroType: "bytes", Decode: decimal, Encode: unscaled},
		avro.CustomType{LogicalType: "decimal", AvroType: "fixed", Decode: decimal, Encode: unscaled},
		avro.CustomType{LogicalType: "date", AvroType: "int", Decode: date},
		avro.CustomType{LogicalType: "time-millis", AvroType: "int", Decode: timeOfDay(time.Millisecond), Encode: sinceMidnight(time.Millisecond)},
		avro.CustomType{LogicalType: "time-micros", AvroType: "long", Decode: timeOfDay(time.Microsecond), Encode: sinceMidnight(time.Microsecond)},
		avro.CustomType{LogicalType: "uuid", AvroType: "fixed", Decode: uuid, Encode: uuidBytes},
		avro.CustomType{LogicalType: "duration", AvroType: "fixed", Decode: duration, Encode: durationBytes},
		avro.CustomType{AvroType: "bytes", Decode: octets, Encode: fromBase64},
		avro.CustomType{AvroType: "fixed", Decode: octets, Encode: fromBase64},
	}
}

// value makes a Value of what the library decoded.
func value(x any) payload.Value {
	switch x := x.(type) {
	case time.Time:
		return payload.OfString(x.UTC().Format(time.RFC3339Nano))
	case *big.Rat: // a big-decimal: its scale is in the data
		return ratValue(x)
	case []any:
		items := make([]payload.Value, len(x))
		for i, item := range x {
			items[i] = value(item)
		}
		return payload.OfList(items)
	case map[string]any:
		members := make(map[string]any, len(x))
		for name, v := range x {
			members[name] = value(v)
		}
		return payload.FromAny(members)
	default:
		return payload.FromAny(x)
	}
}

// decimal spells an unscaled integer with its point, all zeros kept.
func decimal(v any, schema *avro.SchemaNode) (any, error) {
	raw, ok := v.([]byte)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	const most = 4096
	if len(raw) > most {
		return nil, fmt.Errorf("a decimal of %d bytes", len(raw))
	}
	n := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	return number(pointed(n, schema.Scale)), nil
}

// pointed writes n with its last digits behind a point.
func pointed(n *big.Int, scale int) string {
	digits := n.String()
	if scale <= 0 {
		return digits
	}
	sign, digits := digits[:len(digits)-len(strings.TrimPrefix(digits, "-"))], strings.TrimPrefix(digits, "-")
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	at := len(digits) - scale
	return sign + digits[:at] + "." + digits[at:]
}

// number keeps the digits of a number as they are written.
func number(text string) payload.Value {
	if v := payload.ParseNumber(text); payload.Plain(v) == text {
		return v
	}
	return payload.OfNumber(text)
}

func ratValue(x *big.Rat) payload.Value {
	if x == nil {
		return payload.Value{}
	}
	if x.IsInt() {
		return number(x.Num().String())
	}
	for scale := 1; scale < 1000; scale++ {
		text := x.FloatString(scale)
		if back, ok := new(big.Rat).SetString(text); ok && back.Cmp(x) == 0 {
			return number(text)
		}
	}
	f, _ := x.Float64()
	return payload.OfFloat(f)
}

// unscaled is the integer of a decimal that a scenario sends. A number that does
// not fit the scale is an error, not rounded.
func unscaled(v any, schema *avro.SchemaNode) (any, error) {
	text := ""
	switch x := v.(type) {
	case int64, float64:
		text = payload.Plain(payload.FromAny(x))
	case json.Number:
		text = x.String()
	case string:
		text = x
	default:
		return nil, avro.ErrSkipCustomType
	}
	const longest = 1024
	r, ok := new(big.Rat), false
	if len(text) <= longest && !strings.ContainsAny(text, "eE/") {
		r, ok = r.SetString(text)
	}
	if !ok {
		return nil, fmt.Errorf("%.40q is no decimal", text)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(schema.Scale, 0))), nil)
	r.Mul(r, new(big.Rat).SetInt(scale))
	if !r.IsInt() {
		return nil, fmt.Errorf("%.40s has more than %d digits behind its point", text, schema.Scale)
	}
	if digits := len(strings.TrimPrefix(r.Num().String(), "-")); schema.Precision > 0 && digits > schema.Precision {
		return nil, fmt.Errorf("%.40s has more than %d digits", text, schema.Precision)
	}
	return twosComplement(r.Num(), schema), nil
}

// twosComplement writes n big-endian, in the shortest form or a fixed's size.
func twosComplement(n *big.Int, schema *avro.SchemaNode) []byte {
	size := n.BitLen()/8 + 1
	if schema.Type == "fixed" {
		size = max(size, schema.Size)
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size))
}

func date(v any, _ *avro.SchemaNode) (any, error) {
	days, ok := v.(int32)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	return payload.OfString(time.Unix(int64(days)*24*60*60, 0).UTC().Format(time.DateOnly)), nil
}

// timeOfDay spells a time since midnight, as 15:04:05.999.
func timeOfDay(unit time.Duration) func(any, *avro.SchemaNode) (any, error) {
	return func(v any, _ *avro.SchemaNode) (any, error) {
		n, ok := payload.FromAny(v), true
		if n.Kind() != payload.Int || n.Int() < 0 || n.Int() >= int64(24*time.Hour/unit) {
			ok = false
		}
		if !ok {
			return n, nil // beyond the day: the number itself
		}
		return payload.OfString(time.Unix(0, n.Int()*int64(unit)).UTC().Format("15:04:05.999999")), nil
	}
}

func sinceMidnight(unit time.Duration) func(any, *avro.SchemaNode) (any, error) {
	return func(v any, schema *avro.SchemaNode) (any, error) {
		text, ok := v.(string)
		if !ok {
			return nil, avro.ErrSkipCustomType
		}
		t, err := time.Parse("15:04:05", text)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no time of day such as 15:04:05.250", text)
		}
		n := t.Sub(t.Truncate(24*time.Hour)) / unit
		if schema.Type == "int" {
			return int32(n), nil
		}
		return int64(n), nil
	}
}

func uuid(v any, _ *avro.SchemaNode) (any, error) {
	raw, ok := v.([]byte)
	if !ok || len(raw) != 16 {
		return nil, avro.ErrSkipCustomType
	}
	h := hex.EncodeToString(raw)
	return payload.OfString(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]), nil
}

func uuidBytes(v any, _ *avro.SchemaNode) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return nil, fmt.Errorf("%.40q is no UUID", text)
	}
	return raw, nil
}

// octets are bytes as expressions see them.
func octets(v any, schema *avro.SchemaNode) (any, error) {
	raw, ok := v.([]byte)
	if !ok || schema.LogicalType == "big-decimal" {
		return nil, avro.ErrSkipCustomType
	}
	return payload.OfString(base64.StdEncoding.EncodeToString(raw)), nil
}

func fromBase64(v any, schema *avro.SchemaNode) (any, error) {
	text, ok := v.(string)
	if !ok || schema.LogicalType == "big-decimal" {
		return nil, avro.ErrSkipCustomType
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%.40q is no base64, which bytes are written in", text)
	}
	return raw, nil
}

// duration is months, days and milliseconds, which do not add up.
func duration(v any, _ *avro.SchemaNode) (any, error) {
	raw, ok := v.([]byte)
	if !ok || len(raw) != 12 {
		return nil, avro.ErrSkipCustomType
	}
	d := avro.DurationFromBytes(raw)
	return payload.OfObject([]payload.Member{
		{Name: "months", Value: payload.OfInt(int64(d.Months))},
		{Name: "days", Value: payload.OfInt(int64(d.Days))},
		{Name: "millis", Value: payload.OfInt(int64(d.Milliseconds))},
	}), nil
}

func durationBytes(v any, _ *avro.SchemaNode) (any, error) {
	parts, ok := v.(map[string]any)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	var d avro.Duration
	for name, to := range map[string]*uint32{"months": &d.Months, "days": &d.Days, "millis": &d.Milliseconds} {
		n, _ := parts[name].(int64)
		if n < 0 || n > math.MaxUint32 {
			return nil, fmt.Errorf("%s: %d is out of range", name, n)
		}
		*to = uint32(n)
	}
	raw := d.Bytes()
	return raw[:], nil
}
