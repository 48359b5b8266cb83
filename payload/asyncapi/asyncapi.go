// Package asyncapi reads AsyncAPI documents, 2.x and 3.x: for a channel's schema:
// and to begin a flow file from.
//
//	YAML or JSON → Read → Document → Message (its payload's schema)
//	                               → Channels, Servers (of either version alike)
package asyncapi

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Document is an AsyncAPI document. It is immutable.
type Document struct {
	root    map[string]any
	Version string
}

// maxHops bounds how many references lead to a thing.
const maxHops = 50

// Is reports whether data looks like an AsyncAPI document.
func Is(data []byte) bool {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "asyncapi:") || strings.HasPrefix(line, `"asyncapi"`) {
			return true
		}
	}
	return false
}

// Read reads a document.
func Read(data []byte) (*Document, error) {
	var root map[string]any
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("it is no AsyncAPI document: %w", err)
	}
	version, _ := root["asyncapi"].(string)
	if !strings.HasPrefix(version, "2.") && !strings.HasPrefix(version, "3.") {
		return nil, fmt.Errorf("it is no AsyncAPI document of version 2 or 3: asyncapi: %q", version)
	}
	return &Document{root: root, Version: version}, nil
}

// at finds a place by a JSON pointer without its #.
func (d *Document) at(pointer string) (any, bool) {
	var here any = d.root
	for _, name := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" || pointer == "/" {
			break
		}
		there := false
		switch x := here.(type) {
		case map[string]any:
			here, there = x[unescape(name)]
		case []any:
			i, err := strconv.Atoi(name)
			if there = err == nil && i >= 0 && i < len(x); there {
				here = x[i]
			}
		}
		if !there {
			return nil, false
		}
	}
	return here, true
}

// follow follows references within the document; the pointer is where they lead.
func (d *Document) follow(x any, pointer string) (map[string]any, string, error) {
	for range maxHops {
		object, ok := x.(map[string]any)
		if !ok {
			return nil, pointer, fmt.Errorf("%s is no object", pointer)
		}
		ref, ok := object["$ref"].(string)
		if !ok {
			return object, pointer, nil
		}
		inside, ok := strings.CutPrefix(ref, "#")
		if !ok {
			return nil, pointer, fmt.Errorf("%s refers to %s, another file: put it into the document", pointer, ref)
		}
		if x, ok = d.at(inside); !ok {
			return nil, pointer, fmt.Errorf("%s refers to %s, which is not there", pointer, ref)
		}
		pointer = inside
	}
	return nil, pointer, fmt.Errorf("%s refers to itself", pointer)
}

// Message is a message of a document.
type Message struct {
	Name string
	// Pointer leads to its payload's schema in the document; "" has none.
	Pointer string
	// Format is the schema's: json, avro or protobuf; Schema is its text, where it
	// is no JSON Schema.
	Format, Schema string
	// CorrelationID is the location of its id, as a runtime expression; "" has none.
	CorrelationID string
}

// Message finds a message by a JSON pointer, or by its name under
// components.messages.
func (d *Document) Message(name string) (Message, error) {
	if name == "" {
		return Message{}, fmt.Errorf("say which message of the document: #/components/messages/NAME")
	}
	pointer := name
	if !strings.HasPrefix(name, "/") {
		pointer = "/components/messages/" + name
	}
	x, ok := d.at(pointer)
	if !ok {
		return Message{}, fmt.Errorf("the document has no message %s", pointer)
	}
	return d.message(x, pointer)
}

func (d *Document) message(x any, pointer string) (Message, error) {
	object, pointer, err := d.follow(x, pointer)
	if err != nil {
		return Message{}, err
	}
	m := Message{Name: unescape(last(pointer)), Format: "json", CorrelationID: d.correlationID(object, pointer)}
	if name, ok := object["name"].(string); ok && name != "" {
		m.Name = name
	}
	body, ok := object["payload"]
	if !ok {
		return m, nil
	}
	m.Pointer = pointer + "/payload"
	format, _ := object["schemaFormat"].(string)
	if multi, ok := body.(map[string]any); ok && multi["schema"] != nil && multi["schemaFormat"] != nil { // 3.x
		format, _ = multi["schemaFormat"].(string)
		body, m.Pointer = multi["schema"], m.Pointer+"/schema"
	}
	if m.Format = formatOf(format); m.Format == "json" {
		return m, nil
	}
	if m.Format == "" {
		return m, fmt.Errorf("%s: a schema in %s cannot be read", pointer, format)
	}
	if text, ok := body.(string); ok {
		m.Schema = text
		return m, nil
	}
	if object, ok := body.(map[string]any); ok {
		if body, _, err = d.follow(object, m.Pointer); err != nil {
			return m, err
		}
	}
	m.Schema, err = jsonText(body)
	return m, err
}

// correlationID is the location of a message's id: its own, else that of one of
// its traits.
func (d *Document) correlationID(object map[string]any, pointer string) string {
	traits, _ := object["traits"].([]any)
	for _, x := range append([]any{object}, traits...) {
		from, pointer, err := d.follow(x, pointer)
		if err != nil {
			continue
		}
		if at, _, err := d.follow(from["correlationId"], pointer+"/correlationId"); err == nil {
			location, _ := at["location"].(string)
			return location
		}
	}
	return ""
}

// formatOf is the format of a schemaFormat; "" is one that is not known.
func formatOf(media string) string {
	switch {
	case strings.Contains(media, "avro"):
		return "avro"
	case strings.Contains(media, "protobuf"):
		return "protobuf"
	case media == "", strings.Contains(media, "schema+json"), strings.Contains(media, "schema+yaml"), strings.Contains(media, "asyncapi"):
		return "json"
	default:
		return ""
	}
}

func last(pointer string) string { return pointer[strings.LastIndexByte(pointer, '/')+1:] }
