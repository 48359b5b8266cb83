package expression

import (
	"encoding/base64"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/payload"
)

var textFunctions = map[string]*function{
	"trim":       {one: onText(strings.TrimSpace), two: onTexts(strings.Trim)},
	"trimPrefix": {one: trimPrefix1, two: onTexts(strings.TrimPrefix)},
	"trimSuffix": {one: trimSuffix1, two: onTexts(strings.TrimSuffix)},
	"upper":      {one: grown(strings.ToUpper)},
	"lower":      {one: grown(strings.ToLower)},
	"split":      {two: splitAll(strings.Split), three: splitN(strings.SplitN)},
	"splitAfter": {two: splitAll(strings.SplitAfter), three: splitN(strings.SplitAfterN)},
	"replace":    {many: replace, counts: []int{3, 4}},
	"repeat":     {two: repeat},
	"join":       {one: join1, two: join},
	"indexOf":    {two: indexBy(strings.Index)},
	"lastIndexOf": {
		two: indexBy(strings.LastIndex),
	},
	"hasPrefix":  {two: testTexts(strings.HasPrefix)},
	"hasSuffix":  {two: testTexts(strings.HasSuffix)},
	"toBase64":   {one: toBase64},
	"fromBase64": {one: fromBase64},
}

// texts returns the texts of two values, within the budget; false where one is
// no text.
func (f *Frame) texts(a, b payload.Value) (s, t string, ok bool) {
	s, t = a.Text(), b.Text()
	ok = a.Kind() == payload.String && b.Kind() == payload.String
	return s, t, ok && f.work((len(s)+len(t))/16+1)
}

// onText is a function of a text that returns a part of it.
func onText(fn func(string) string) func(*Frame, payload.Value) payload.Value {
	return func(f *Frame, a payload.Value) payload.Value {
		if a.Kind() != payload.String || !f.work(len(a.Text())/16+1) {
			return payload.Value{}
		}
		return payload.OfString(fn(a.Text()))
	}
}

// grown is a function of a text that returns a new one, of up to thrice the
// size.
func grown(fn func(string) string) func(*Frame, payload.Value) payload.Value {
	part := onText(fn)
	return func(f *Frame, a payload.Value) payload.Value {
		if !f.room(3 * len(a.Text())) {
			return payload.Value{}
		}
		return part(f, a)
	}
}

func onTexts(fn func(s, t string) string) func(*Frame, payload.Value, payload.Value) payload.Value {
	return func(f *Frame, a, b payload.Value) payload.Value {
		s, t, ok := f.texts(a, b)
		// Trim of many characters looks at all of them for each.
		if !ok || !f.work(min(len(s)/16*len(t), math.MaxInt32)) {
			return payload.Value{}
		}
		return payload.OfString(fn(s, t))
	}
}

func testTexts(fn func(s, t string) bool) func(*Frame, payload.Value, payload.Value) payload.Value {
	return func(f *Frame, a, b payload.Value) payload.Value {
		s, t, ok := f.texts(a, b)
		if !ok {
			return payload.Value{}
		}
		return payload.OfBool(fn(s, t))
	}
}

func indexBy(fn func(s, t string) int) func(*Frame, payload.Value, payload.Value) payload.Value {
	return func(f *Frame, a, b payload.Value) payload.Value {
		s, t, ok := f.texts(a, b)
		if !ok {
			return payload.Value{}
		}
		return payload.OfInt(int64(fn(s, t)))
	}
}

func trimPrefix1(f *Frame, a payload.Value) payload.Value {
	return onTexts(strings.TrimPrefix)(f, a, payload.OfString(" "))
}

func trimSuffix1(f *Frame, a payload.Value) payload.Value {
	return onTexts(strings.TrimSuffix)(f, a, payload.OfString(" "))
}

func splitAll(fn func(s, sep string) []string) func(*Frame, payload.Value, payload.Value) payload.Value {
	return func(f *Frame, a, b payload.Value) payload.Value {
		s, sep, ok := f.texts(a, b)
		if !ok || !f.room(pieces(s, sep)*2*valueBytes) {
			return payload.Value{}
		}
		return textList(fn(s, sep))
	}
}

func splitN(fn func(s, sep string, n int) []string) func(*Frame, payload.Value, payload.Value, payload.Value) payload.Value {
	return func(f *Frame, a, b, c payload.Value) payload.Value {
		s, sep, ok := f.texts(a, b)
		n, isInt := whole(c)
		if !ok || !isInt || !f.room(pieces(s, sep)*2*valueBytes) {
			return payload.Value{}
		}
		return textList(fn(s, sep, int(max(n, -1))))
	}
}

// pieces is how many there are of s between separators.
func pieces(s, sep string) int {
	if sep == "" {
		return utf8.RuneCountInString(s)
	}
	return strings.Count(s, sep) + 1
}

func textList(parts []string) payload.Value {
	items := make([]payload.Value, len(parts))
	for i, part := range parts {
		items[i] = payload.OfString(part)
	}
	return payload.OfList(items)
}

func replace(f *Frame, args []payload.Value) payload.Value {
	s, old, ok := f.texts(args[0], args[1])
	if !ok || args[2].Kind() != payload.String {
		return payload.Value{}
	}
	by, n := args[2].Text(), int64(-1)
	if len(args) == 4 {
		if n, ok = whole(args[3]); !ok {
			return payload.Value{}
		}
	}
	places := strings.Count(s, old)
	if n >= 0 {
		places = min(places, int(min(n, math.MaxInt32)))
	}
	if !f.work(places) || !f.room(len(s)+places*len(by)) {
		return payload.Value{}
	}
	return payload.OfString(strings.Replace(s, old, by, places))
}

func repeat(f *Frame, a, b payload.Value) payload.Value {
	n, ok := whole(b)
	s := a.Text()
	if a.Kind() != payload.String || !ok || n < 0 {
		return payload.Value{}
	}
	if n > math.MaxInt32 || !f.room(len(s)*int(n)) {
		f.exceed()
		return payload.Value{}
	}
	return payload.OfString(strings.Repeat(s, int(n)))
}

func join1(f *Frame, a payload.Value) payload.Value { return join(f, a, payload.OfString("")) }

func join(f *Frame, a, b payload.Value) payload.Value {
	if a.Kind() != payload.List || b.Kind() != payload.String {
		return payload.Value{}
	}
	parts := make([]string, len(a.List()))
	for i, item := range a.List() {
		if item.Kind() != payload.String {
			return payload.Value{}
		}
		parts[i] = item.Text()
		if !f.work(1) || !f.room(len(parts[i])+len(b.Text())) {
			return payload.Value{}
		}
	}
	return payload.OfString(strings.Join(parts, b.Text()))
}

func toBase64(f *Frame, a payload.Value) payload.Value {
	if a.Kind() != payload.String || !f.room(2*len(a.Text())) {
		return payload.Value{}
	}
	return payload.OfString(base64.StdEncoding.EncodeToString([]byte(a.Text())))
}

func fromBase64(f *Frame, a payload.Value) payload.Value {
	if a.Kind() != payload.String || !f.room(len(a.Text())) {
		return payload.Value{}
	}
	b, err := base64.StdEncoding.DecodeString(a.Text())
	if err != nil {
		return payload.Value{}
	}
	return payload.OfString(string(b))
}
