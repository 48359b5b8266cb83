package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// maxTable is how deep the tables of a header may be nested, so that the line
// stays within what jsonscan takes.
const maxTable = jsonscan.MaxDepth - 8

// appendValue writes the value of a header or property, so that valueAt reads
// the same again. NaN and the infinities, which JSON lacks, become text.
func appendValue(dst []byte, v any, as dialect, depth int) ([]byte, error) {
	if depth > maxTable {
		return dst, errors.New("tables nested too deep")
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		if as == plain {
			return jsonscan.AppendString(dst, v), nil
		}
		return appendBytes(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case time.Time:
		return appendTimeValue(dst, v, as)
	case []any:
		return appendList(dst, v, as, depth+1)
	case map[string]any:
		return appendTable(dst, v, as, depth+1)
	default:
		return dst, fmt.Errorf("a value of the Go type %T cannot be written", v)
	}
}

func appendTimeValue(dst []byte, t time.Time, as dialect) ([]byte, error) {
	t = t.UTC()
	if y := t.Year(); as == plain || y < 0 || y > 9999 {
		return dst, fmt.Errorf("%v cannot be written as a time", t)
	}
	dst = append(dst, `{"time":"`...)
	return append(t.AppendFormat(dst, time.RFC3339Nano), '"', '}'), nil
}

// appendBytes writes a string, or {"base64":…} where it is no text.
func appendBytes(dst []byte, s string) []byte {
	if isText(s) {
		return jsonscan.AppendString(dst, s)
	}
	dst = append(dst, `{"base64":"`...)
	return append(appendBase64(dst, s), '"', '}')
}

// isText reports whether s is UTF-8 and has no control characters but tab and
// line breaks: an int32 of a few bytes 0 is UTF-8 and yet no text.
func isText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return utf8.ValidString(s)
}

func appendBase64(dst []byte, s string) []byte {
	return base64.StdEncoding.AppendEncode(dst, []byte(s))
}

// appendFloat writes a fraction or an exponent always, so that the number does
// not read back as an integer.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return jsonscan.AppendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !slices.Contains(dst[from:], '.') && !slices.Contains(dst[from:], 'e') {
		dst = append(dst, '.', '0')
	}
	return dst
}

func appendList(dst []byte, list []any, as dialect, depth int) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, v, as, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendTable(dst []byte, table map[string]any, as dialect, depth int) ([]byte, error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(table)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendString(dst, name)
		dst = append(dst, ':')
		var err error
		if dst, err = appendValue(dst, table[name], as, depth); err != nil {
			return dst, fmt.Errorf("%s: %w", clip(name), err)
		}
	}
	return append(dst, '}'), nil
}
