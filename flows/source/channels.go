package source

// Channel is one entry of channels:.
type Channel struct {
	Name   Text
	Broker Text

	// One of these is the address; none with Reply.
	Topic       Text
	Exchange    Text
	RoutingKeys []Text // with Exchange
	Queue       Text
	Stream      Text
	SNS         Text
	SQS         Text
	Path        Text
	Method      Text     // with Path
	Answers     []Answer // with Path
	Query       Text
	RowKeys     []Text   // with Query
	Every       Duration // with Query

	When         Text // expression
	Only         bool
	DeadLetters  []Text // channels
	Retries      []Text // channels
	Copy         Text   // body or none; not set: body and key are unchanged
	Original     Text   // expression
	Redeliveries Text   // allow or same-id
	MessageID    Text   // expression
	Time         Text   // seen, or an expression
	Format       Text   // json, text, bytes, xml, avro, protobuf
	KeyFormat    Text   // the same; not set: text
	Registry     *Registry
	Schema       *SchemaSpec
	KeySchema    *SchemaSpec
	Framing      Text   // none, confluent, header, glue
	Encoding     []Text // the outermost first
	Envelope     Data   // a name, true or false
	Consumers    []Text
	Reply        bool
	Tap          Text // firehose
	Intrusive    bool
	Own          bool // with Queue or SQS
}

func channelKeys() []key[Channel] {
	return []key[Channel]{
		needed("broker", val.word, func(c *Channel) *Text { return &c.Broker }),
		field("topic", val.word, func(c *Channel) *Text { return &c.Topic }),
		field("exchange", val.text, func(c *Channel) *Text { return &c.Exchange }),
		field("routing-key", val.routingKeys, func(c *Channel) *[]Text { return &c.RoutingKeys }),
		field("queue", val.word, func(c *Channel) *Text { return &c.Queue }),
		field("stream", val.word, func(c *Channel) *Text { return &c.Stream }),
		field("sns", val.word, func(c *Channel) *Text { return &c.SNS }),
		field("sqs", val.word, func(c *Channel) *Text { return &c.SQS }),
		field("path", val.word, func(c *Channel) *Text { return &c.Path }),
		field("method", val.word, func(c *Channel) *Text { return &c.Method }),
		field("answer", val.answers, func(c *Channel) *[]Answer { return &c.Answers }),
		field("query", val.word, func(c *Channel) *Text { return &c.Query }),
		field("row-key", val.texts, func(c *Channel) *[]Text { return &c.RowKeys }),
		field("every", val.duration, func(c *Channel) *Duration { return &c.Every }),
		field("when", val.expr, func(c *Channel) *Text { return &c.When }),
		field("only", val.flag, func(c *Channel) *bool { return &c.Only }),
		field("dead-letters", val.texts, func(c *Channel) *[]Text { return &c.DeadLetters }),
		field("retries", val.texts, func(c *Channel) *[]Text { return &c.Retries }),
		field("copy", oneOf("body", "none"), func(c *Channel) *Text { return &c.Copy }),
		field("original", val.expr, func(c *Channel) *Text { return &c.Original }),
		field("redeliveries", oneOf("allow", "same-id"), func(c *Channel) *Text { return &c.Redeliveries }),
		field("message-id", val.expr, func(c *Channel) *Text { return &c.MessageID }),
		field("time", val.expr, func(c *Channel) *Text { return &c.Time }),
		field("format", oneOf(formats()...), func(c *Channel) *Text { return &c.Format }),
		field("key-format", oneOf(formats()...), func(c *Channel) *Text { return &c.KeyFormat }),
		field("registry", val.registry, func(c *Channel) **Registry { return &c.Registry }),
		field("schema", val.schema, func(c *Channel) **SchemaSpec { return &c.Schema }),
		field("key-schema", val.schema, func(c *Channel) **SchemaSpec { return &c.KeySchema }),
		field("framing", oneOf("none", "confluent", "header", "glue"), func(c *Channel) *Text { return &c.Framing }),
		field("encoding", val.texts, func(c *Channel) *[]Text { return &c.Encoding }),
		field("envelope", val.free, func(c *Channel) *Data { return &c.Envelope }),
		field("consumers", val.texts, func(c *Channel) *[]Text { return &c.Consumers }),
		field("reply", val.flag, func(c *Channel) *bool { return &c.Reply }),
		field("tap", oneOf("firehose"), func(c *Channel) *Text { return &c.Tap }),
		field("intrusive", val.flag, func(c *Channel) *bool { return &c.Intrusive }),
		field("own", val.flag, func(c *Channel) *bool { return &c.Own }),
	}
}

// channels reads channels:.
func (v val) channels() []Channel {
	var out []Channel
	v.named(func(name Text, v val) {
		v.checkName("a channel", name)
		c := Channel{Name: name}
		if object(v, "channel "+quote(name.Value), channelKeys(), &c) {
			v.checkAddress(c)
		}
		out = append(out, c)
	})
	return out
}

// routingKeys reads one routing key or several; the empty one is legal.
func (v val) routingKeys() []Text { return v.many(val.text) }

// checkAddress wants one kind of address.
func (v val) checkAddress(c Channel) {
	var have []string
	known := names(channelKeys())
	for _, kind := range addressKeys() {
		if v.meant(kind, known) {
			have = append(have, kind)
		}
	}
	what := "channel " + quote(c.Name.Value)
	switch {
	case len(have) == 0 && !c.Reply:
		v.failHint("say which: "+list(addressKeys()), "%s has no address", what)
	case len(have) > 1:
		v.failHint("make a channel of each", "%s has several addresses: %s", what, list(have))
	case v.has("routing-key") && !v.has("exchange"):
		v.failHint("a routing key belongs to an exchange; a queue is tapped by its own bindings",
			"%s has a `routing-key` but no `exchange`", what)
	default:
		v.checkCompanions(what)
	}
}

// checkCompanions reports keys that belong to an address of another kind.
func (v val) checkCompanions(what string) {
	for _, k := range []struct{ key, address string }{
		{"method", "path"}, {"answer", "path"}, {"row-key", "query"}, {"every", "query"},
	} {
		if v.has(k.key) && !v.has(k.address) {
			v.fail("%s has %s but no %s", what, quote(k.key), quote(k.address))
		}
	}
	if v.has("own") && !v.has("queue") && (!v.has("sqs") || v.has("sns")) {
		v.fail("%s has `own`, which is for a `queue`, or an `sqs` alone", what)
	}
}

func addressKeys() []string {
	return []string{"topic", "exchange", "queue", "stream", "sns", "sqs", "path", "query"}
}
