package asyncapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Root is the document as JSON types, for a JSON Schema within it.
func (d *Document) Root() any {
	text, err := jsonText(d.root)
	if err != nil {
		return nil
	}
	var root any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&root) != nil {
		return nil
	}
	return root
}

func jsonText(x any) (string, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return "", fmt.Errorf("it is no JSON: %w", err)
	}
	return string(text), nil
}

// Title is what the document calls itself.
func (d *Document) Title() string {
	info, _ := d.root["info"].(map[string]any)
	title, _ := info["title"].(string)
	return title
}

// Channel is a channel, whichever version the document is of.
type Channel struct {
	// Name is its name in the document, Address the topic's, queue's or routing
	// key's; "" is one that is known only when the system runs.
	Name, Address string
	// Parameters are those of its address by their names, with a value that may
	// stand for each; "" where the document has none.
	Parameters map[string]string
	// Servers are the names of its servers; none are all.
	Servers  []string
	Messages []Message
	// Receives tells that the application of the document receives them; its
	// operations are the other way round in 2.x, where they are a client's.
	Receives, Sends bool
	// AMQP tells its kind there: queue or routingKey, and the exchange.
	Kind, Exchange string
}

// Channels are the document's, by their names. The errors tell what could not be
// read.
func (d *Document) Channels() ([]Channel, []error) {
	all, _ := d.root["channels"].(map[string]any)
	var channels []Channel
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		at := "/channels/" + escape(name)
		c, at, err := d.follow(all[name], at)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ch := Channel{Name: name, Parameters: d.defaults(c["parameters"], at+"/parameters")}
		if strings.HasPrefix(d.Version, "2.") {
			ch.Address = name
			errs = append(errs, d.channel2(&ch, c, at)...)
		} else {
			errs = append(errs, d.channel3(&ch, c, at)...)
		}
		ch.bindings(d, c, at)
		channels = append(channels, ch)
	}
	return channels, errs
}

// bindings reads what AMQP and Kafka say of a channel.
func (ch *Channel) bindings(d *Document, c map[string]any, at string) {
	b, _, err := d.follow(c["bindings"], at+"/bindings")
	if err != nil {
		return
	}
	if kafka, ok := b["kafka"].(map[string]any); ok {
		if topic, ok := kafka["topic"].(string); ok {
			ch.Address = topic
		}
	}
	amqp, _ := b["amqp"].(map[string]any)
	ch.Kind, _ = amqp["is"].(string)
	if exchange, ok := amqp["exchange"].(map[string]any); ok {
		ch.Exchange, _ = exchange["name"].(string)
	}
	if queue, ok := amqp["queue"].(map[string]any); ok && ch.Kind == "queue" {
		if name, ok := queue["name"].(string); ok {
			ch.Address = name
		}
	}
}

// channel2 reads the operations of a channel of 2.x: what a client publishes the
// application receives.
func (d *Document) channel2(ch *Channel, c map[string]any, at string) []error {
	var errs []error
	ch.Servers = names(c["servers"])
	for _, operation := range []string{"publish", "subscribe"} {
		op, ok := c[operation].(map[string]any)
		if !ok {
			continue
		}
		ch.Receives = ch.Receives || operation == "publish"
		ch.Sends = ch.Sends || operation == "subscribe"
		here := at + "/" + operation + "/message"
		one, _ := op["message"].(map[string]any)
		several, ok := one["oneOf"].([]any)
		if !ok {
			several = []any{op["message"]}
		}
		for i, x := range several {
			if ok {
				here = fmt.Sprintf("%s/%s/message/oneOf/%d", at, operation, i)
			}
			errs = ch.add(d, x, here, errs)
		}
	}
	return errs
}

// add adds a message, also one whose schema cannot be read.
func (ch *Channel) add(d *Document, x any, at string, errs []error) []error {
	m, err := d.message(x, at)
	if err != nil {
		errs = append(errs, err)
	}
	if m.Name != "" {
		ch.Messages = append(ch.Messages, m)
	}
	return errs
}

// channel3 reads a channel of 3.x, and the operations that refer to it.
func (d *Document) channel3(ch *Channel, c map[string]any, at string) []error {
	var errs []error
	if address, ok := c["address"].(string); ok {
		ch.Address = address
	}
	servers, _ := c["servers"].([]any)
	for _, s := range servers {
		object, _ := s.(map[string]any)
		if ref, ok := object["$ref"].(string); ok {
			ch.Servers = append(ch.Servers, unescape(last(ref)))
		}
	}
	messages, _ := c["messages"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		errs = ch.add(d, messages[name], at+"/messages/"+escape(name), errs)
	}
	operations, _ := d.root["operations"].(map[string]any)
	for _, x := range operations {
		op, _ := x.(map[string]any)
		of, _ := op["channel"].(map[string]any)
		if ref, _ := of["$ref"].(string); unescape(last(ref)) != ch.Name {
			continue
		}
		ch.Receives = ch.Receives || op["action"] == "receive"
		ch.Sends = ch.Sends || op["action"] == "send"
	}
	return errs
}

func names(x any) []string {
	var all []string
	items, _ := x.([]any)
	for _, item := range items {
		if name, ok := item.(string); ok {
			all = append(all, name)
		}
	}
	return all
}
