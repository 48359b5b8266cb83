package payload

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxNesting bounds how deep FromAny and AppendJSON go; what is deeper is nil.
const maxNesting = 10_000

// ParseNumber makes an Int, Float or Number of a JSON number's text, whichever
// keeps all its digits: an integer beyond int64 is a Number, whatever a float64
// could hold. It is nil where the text is no JSON number.
func ParseNumber(text string) Value {
	var buf, again [64]byte
	d, ok := parseDecimal(append(buf[:0], text...))
	if !ok {
		return beyondDecimal(text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return OfInt(n)
	}
	if !strings.ContainsAny(text, ".eE") {
		return OfNumber(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return OfNumber(text)
	}
	if e, ok := decimalOf(OfFloat(f), again[:0]); ok && d.compare(e) == 0 {
		return OfFloat(f)
	}
	return OfNumber(text)
}

// beyondDecimal keeps a JSON number whose exponent is beyond all sense.
func beyondDecimal(text string) Value {
	if text == strings.TrimSpace(text) && strings.Trim(text, "-+.eE0123456789") == "" && json.Valid([]byte(text)) {
		return OfNumber(text)
	}
	return Value{}
}

// FromAny makes a Value of a Go value: nil, bool, any integer or float, string,
// []byte, json.Number, time.Time, time.Duration, []any, []string,
// map[string]any, map[string]string, or a Value. Members of maps are sorted by
// name. Anything else is nil.
func FromAny(x any) Value { return fromAny(x, 0) }

func fromAny(x any, depth int) Value {
	if depth > maxNesting {
		return Value{}
	}
	switch x := x.(type) {
	case Value:
		return x
	case bool:
		return OfBool(x)
	case string:
		return OfString(x)
	case []byte:
		return OfString(string(x))
	case time.Time:
		return OfTime(x)
	case time.Duration:
		return OfDuration(x)
	case []any:
		return listOf(x, func(item any) Value { return fromAny(item, depth+1) })
	case []string:
		return listOf(x, OfString)
	case map[string]any:
		return objectOf(x, func(item any) Value { return fromAny(item, depth+1) })
	case map[string]string:
		return objectOf(x, OfString)
	}
	return numberFromAny(x)
}

func numberFromAny(x any) Value {
	switch x := x.(type) {
	case int:
		return OfInt(int64(x))
	case int8:
		return OfInt(int64(x))
	case int16:
		return OfInt(int64(x))
	case int32:
		return OfInt(int64(x))
	case int64:
		return OfInt(x)
	case uint:
		return ofUint(uint64(x))
	case uint8:
		return OfInt(int64(x))
	case uint16:
		return OfInt(int64(x))
	case uint32:
		return OfInt(int64(x))
	case uint64:
		return ofUint(x)
	case float32:
		// The shortest decimal of the float32: 0.1 is 0.1, not 0.10000000149.
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64)
		return OfFloat(f)
	case float64:
		return OfFloat(x)
	case json.Number:
		return ParseNumber(x.String())
	}
	return Value{}
}

func ofUint(n uint64) Value {
	if n > math.MaxInt64 {
		return OfNumber(strconv.FormatUint(n, 10))
	}
	return OfInt(int64(n))
}

func listOf[T any](items []T, value func(T) Value) Value {
	list := make([]Value, len(items))
	for i, item := range items {
		list[i] = value(item)
	}
	return OfList(list)
}

func objectOf[T any](m map[string]T, value func(T) Value) Value {
	members := make([]Member, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		members = append(members, Member{Name: name, Value: value(m[name])})
	}
	return OfObject(members)
}

// ToAny makes a Go value of v: nil, bool, int64, float64, json.Number, string,
// time.Time, time.Duration, []any or map[string]any.
func ToAny(v Value) any {
	switch v.kind {
	case Bool:
		return v.Bool()
	case Int:
		return v.Int()
	case Float:
		return v.Float()
	case Number:
		return json.Number(v.Text())
	case String:
		return v.Text()
	case Time:
		return v.Time()
	case Duration:
		return v.Duration()
	case List:
		items := make([]any, len(v.List()))
		for i, item := range v.List() {
			items[i] = ToAny(item)
		}
		return items
	case Object:
		members := make(map[string]any, len(v.Object()))
		for _, m := range v.Object() {
			members[m.Name] = ToAny(m.Value)
		}
		return members
	default:
		return nil
	}
}
