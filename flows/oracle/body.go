package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Payload is the body as bytes; nil for a tombstone.
func (b *Body) Payload() []byte {
	if b.Tombstone {
		return nil
	}
	var out bytes.Buffer
	out.WriteByte('{')
	field := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte("null")
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:%s", name, text)
	}
	if b.Type != "" {
		field("t", b.Type)
	}
	for i, values := range b.IDs {
		switch {
		case b.Listed[i]:
			field(fmt.Sprintf("i%d", i), values)
		case len(values) > 0:
			field(fmt.Sprintf("i%d", i), scalar(values[0]))
		}
	}
	b.writeRest(field)
	if b.Broken {
		out.WriteString(`,"cut`)
		return out.Bytes()
	}
	out.WriteByte('}')
	return out.Bytes()
}

func (b *Body) writeRest(field func(string, any)) {
	if b.N != nil {
		field("n", *b.N)
	}
	switch c := b.Count.(type) {
	case nil:
	case float64:
		field("c", json.RawMessage(strconv.FormatFloat(c, 'f', 1, 64)))
	default:
		field("c", c)
	}
	if b.Lines >= 0 {
		field("l", make([]int, b.Lines))
	}
	if b.Seq != nil {
		field("seq", *b.Seq)
	}
	for _, text := range [][2]string{{"k", b.K}, {"u", b.U}, {"mid", b.MID}} {
		if text[1] != "" {
			field(text[0], text[1])
		}
	}
	if b.Foreign {
		field("foreign", true)
	}
	if b.At != None {
		field("at", at(b.At).Format(time.RFC3339Nano))
	}
	if b.Noise != 0 {
		field("noise", b.Noise)
	}
}

// scalar writes ids of digits as numbers: as text they are the same id.
func scalar(id string) any {
	if n, err := strconv.Atoi(id); err == nil && strconv.Itoa(n) == id {
		return n
	}
	return id
}
