package formats

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flowcheck/flowcheck/payload"
)

// xmlBody is XML: the root is an object that has its name as #name, an element
// with children or attributes an object, one with text alone a scalar. Children
// that repeat are a list; attributes have an @ before their names; text beside
// them is #text. Prefixes of namespaces are left out. What is spelt as JSON
// spells a number, true or false is that.
type xmlBody struct{ root string }

// maxXMLDepth is how deep elements may nest.
const maxXMLDepth = 500

const (
	xmlName = "#name"
	xmlText = "#text"
)

func openXML(s payload.Setup) (engine, error) { return xmlBody{s.Schema.Root}, noSchema(s) }

// element is one that is being read.
type element struct {
	name     string
	isNil    bool
	members  []payload.Member
	lists    map[string]int // of repeated children: where, by their names
	text     strings.Builder
	children bool
}

// Decode reads one document. Entities of a DTD are not expanded.
func (x xmlBody) Decode(data []byte, _ []int) (payload.Value, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = charset
	var stack []*element
	for {
		token, err := d.Token()
		if err != nil {
			return payload.Value{}, xmlFault(err, data)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) == maxXMLDepth {
				return payload.Value{}, payload.Faultf("its elements nest deeper than %d", maxXMLDepth)
			}
			stack = append(stack, begin(t))
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		case xml.EndElement:
			e := stack[len(stack)-1]
			if stack = stack[:len(stack)-1]; len(stack) > 0 {
				stack[len(stack)-1].add(e.name, e.value())
				continue
			}
			return e.document(), trailing(d, data)
		}
	}
}

// trailing wants nothing but comments behind the root.
func trailing(d *xml.Decoder, data []byte) error {
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return xmlFault(err, data)
		}
		if _, ok := token.(xml.StartElement); ok {
			return payload.Faultf("there is a second element behind the root")
		}
	}
}

func xmlFault(err error, data []byte) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return payload.Faultf("it is no XML: %s", looksLike(data))
	case errors.As(err, &syntax):
		return payload.Faultf("it is no XML: line %d: %s", syntax.Line, syntax.Msg)
	default:
		return payload.Faultf("it is no XML: %v", err)
	}
}

func begin(t xml.StartElement) *element {
	e := &element{name: t.Name.Local}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Local == "nil" && strings.HasSuffix(a.Name.Space, "XMLSchema-instance"):
			e.isNil = a.Value == "true" || a.Value == "1"
		default:
			e.add("@"+a.Name.Local, scalar(a.Value))
		}
	}
	return e
}

// add adds a child; of several with one name it makes a list.
func (e *element) add(name string, v payload.Value) {
	if !strings.HasPrefix(name, "@") {
		e.children = true
	}
	if e.lists == nil {
		e.lists = map[string]int{}
	}
	at, repeated := e.lists[name]
	if !repeated {
		e.lists[name] = len(e.members)
		e.members = append(e.members, payload.Member{Name: name, Value: v})
		return
	}
	m := &e.members[at]
	if items, ok := m.Value, m.Value.Kind() == payload.List; ok {
		m.Value = payload.OfList(append(items.List(), v))
		return
	}
	m.Value = payload.OfList([]payload.Value{m.Value, v})
}

// value is what the element says.
func (e *element) value() payload.Value {
	text := e.text.String()
	switch {
	case e.isNil:
		return payload.Value{}
	case len(e.members) == 0:
		return scalar(text)
	case !e.children || strings.TrimSpace(text) != "":
		return payload.OfObject(append(e.members, payload.Member{Name: xmlText, Value: scalar(text)}))
	default:
		return payload.OfObject(e.members)
	}
}

// document is the root as a body.
func (e *element) document() payload.Value {
	members := []payload.Member{{Name: xmlName, Value: payload.OfString(e.name)}}
	switch v := e.value(); v.Kind() {
	case payload.Object:
		members = append(members, v.Object()...)
	default:
		members = append(members, payload.Member{Name: xmlText, Value: v})
	}
	return payload.OfObject(members)
}

// scalar types a text as JSON does; the digits stay as they are written.
func scalar(text string) payload.Value {
	switch text {
	case "true", "false":
		return payload.OfBool(text == "true")
	}
	v := payload.ParseNumber(text)
	switch {
	case v.IsNil():
		return payload.OfString(text)
	case payload.Plain(v) != text:
		return payload.OfNumber(text)
	default:
		return v
	}
}

// charset reads the encodings that need no tables.
func charset(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(data))
		for i, c := range data {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), nil
	default:
		return nil, fmt.Errorf("the encoding %s is not known; UTF-8, US-ASCII and ISO-8859-1 are", name)
	}
}

// Encode writes a document.
func (x xmlBody) Encode(v payload.Value) ([]byte, []int, error) {
	root := x.root
	if name := v.Member(xmlName).Text(); name != "" {
		root = name
	}
	if root == "" {
		return nil, nil, errors.New("an XML document needs the name of its root: schema: { root: order }, or body: { \"#name\": order, … }")
	}
	w := xmlWriter{}
	w.element(root, v, 0)
	return w.b.Bytes(), nil, w.err
}

type xmlWriter struct {
	b   bytes.Buffer
	err error
}

func (w *xmlWriter) element(name string, v payload.Value, depth int) {
	if depth > maxXMLDepth {
		w.err = fmt.Errorf("elements nest deeper than %d", maxXMLDepth)
		return
	}
	if v.Kind() == payload.List {
		for _, item := range v.List() {
			w.element(name, item, depth+1)
		}
		return
	}
	w.b.WriteString("<" + w.name(name))
	if v.IsNil() {
		w.b.WriteString(` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"`)
	}
	for _, m := range v.Distinct() {
		if attr, ok := strings.CutPrefix(m.Name, "@"); ok {
			w.b.WriteString(" " + w.name(attr) + `="`)
			w.text(m.Value)
			w.b.WriteString(`"`)
		}
	}
	w.b.WriteString(">")
	if v.Kind() != payload.Object {
		w.text(v)
	}
	for _, m := range v.Distinct() {
		switch {
		case m.Name == xmlName || strings.HasPrefix(m.Name, "@"):
		case m.Name == xmlText:
			w.text(m.Value)
		default:
			w.element(m.Name, m.Value, depth+1)
		}
	}
	w.b.WriteString("</" + name + ">")
}

func (w *xmlWriter) text(v payload.Value) {
	if !v.IsNil() {
		_ = xml.EscapeText(&w.b, []byte(payload.Plain(v))) // a buffer takes all
	}
}

// name wants a name that XML takes.
func (w *xmlWriter) name(s string) string {
	d := xml.NewDecoder(strings.NewReader("<" + s + "/>"))
	token, err := d.Token()
	if start, ok := token.(xml.StartElement); err != nil || !ok || len(start.Attr) > 0 || strings.ContainsAny(s, "/<> ") {
		w.err = fmt.Errorf("%q is no name of an XML element", s)
	}
	return s
}
