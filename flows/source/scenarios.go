package source

// Scenario is one entry of scenarios:. It has Send or Call.
type Scenario struct {
	Pos     Position
	Name    Text
	About   Text
	Covers  []Text
	Send    []Send
	Call    *Call
	IDs     []Var // with Call: the chain's ids, from the reply
	Outcome Text  // an outcome
	Check   []Text
	Probes  []Probe
	Cases   Data // a list of maps, or text: a file
	Vars    []Var
	Timeout Duration
	Heal    *Call
}

// Send is one message of a scenario's trigger.
type Send struct {
	Pos        Position
	To         Text  // a channel, or ${…}
	Key        Data  // absent or null: no key
	Headers    []Var // in the order of the file
	Properties []Var
	Partition  Text

	// One of these is the payload.
	Body      Data
	Text      Text
	Base64    Text
	Tombstone bool
}

// Probe is one entry of probes:.
type Probe struct {
	Name   Text
	Off    bool
	Reason Text // why it is off, where the file says so
}
