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

	When         Text // expression
	Only         bool
	DeadLetters  []Text // channels
	Retries      []Text // channels
	Copy         Text   // body or none; not set: body and key are unchanged
	Original     Text   // expression
	Redeliveries Text   // allow or same-id
	MessageID    Text   // expression
	Time         Text   // seen, or an expression
	Format       Text   // json, text, bytes, avro, protobuf
	Registry     Data   // a URL, or a map
	Schema       Data   // a file name, or a map
	Envelope     Data   // a name, true or false
	Consumers    []Text
	Reply        bool
	Tap          Text // firehose
	Intrusive    bool
}
