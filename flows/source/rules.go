package source

// Rule is one entry of rules:. One of the pointers is not nil.
type Rule struct {
	Kind Text // the key: ordered, unique, latency, never, every
	Name Text // optional

	Ordered *Ordered
	Unique  *Unique
	Latency *Latency
	Never   *Never
	Every   *Every
}

// Ordered: By rises by one for each Per.
type Ordered struct {
	Channel Text
	By      Text // expression
	Per     Text // expression; not set: one sequence
	Gapless bool
}

// Unique: no ID occurs twice.
type Unique struct {
	Channel Text
	ID      Text // expression
	Per     Text // expression; not set: in the whole channel
}

// Latency: percentiles of the time between two steps.
type Latency struct {
	From, To Text // steps
	Limits   []Limit
}

// Limit is one percentile and what it may be at most.
type Limit struct {
	Key     Text    // p50, p99.9, max
	Percent float64 // 0 < Percent <= 100; max is 100
	Max     Duration
}

// Never: no message on the channel has When.
type Never struct {
	Channel Text
	When    Text // expression
}

// Every: a message at least every Within, for each Per.
type Every struct {
	Channel Text
	Per     Text // expression; not set: one sequence
	Within  Duration
}
