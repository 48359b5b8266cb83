// Package deadletter reads any framework's failure headers into one record,
// tells retry and dead-letter copies from messages of their own, and takes the
// failure headers off again for a replay.
//
//	headers → which dialects left a mark → the first one's reader → Death
//
// Each dialect is one file. A message without failure headers costs a look at
// the first byte of each header's name.
package deadletter

import (
	"math/bits"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Death is what the failure headers of a dead-lettered message say. A field
// that the dialect does not carry is nil, "" or the zero time. The texts may
// share the message's bytes.
type Death struct {
	// Dialect names the framework whose headers these are.
	Dialect string
	Origin  Origin
	// Attempts is how often the message was tried.
	Attempts *int
	// Reason is why it was given up, in the dialect's own word: "rejected".
	Reason string
	// ErrorClass and ErrorText are the error of the last attempt.
	ErrorClass, ErrorText string
	// At is when it was given up.
	At time.Time
}

// Origin is where a dead-lettered message came from: the oldest place that its
// headers tell of.
type Origin struct {
	Topic      string
	Partition  *int32
	Offset     *int64
	Exchange   string
	RoutingKey string
	Queue      string
}

// Read returns the record of a dead-lettered message, or of a copy on its way
// through a retry topic; false where the message has no known failure headers.
// Of several dialects the framework's goes before the broker's.
func Read(o *message.Observation) (Death, bool) {
	l := letter{headers: o.Headers, properties: o.Properties, body: o.Payload}
	for marked := l.marked(); marked != 0; marked &= marked - 1 {
		d := &dialects[bits.TrailingZeros32(marked)]
		if death, ok := d.read(l); ok {
			death.Dialect = d.name
			return death, true
		}
	}
	for _, d := range headless {
		if death, ok := d.read(l); ok {
			death.Dialect = d.name
			return death, true
		}
	}
	return Death{}, false
}

// IsCopy reports whether the headers name the message a retry or dead-letter
// copy of another. It does not look into the body.
func IsCopy(o *message.Observation) bool {
	l := letter{headers: o.Headers, properties: o.Properties}
	return l.marked() != 0 || l.redriven()
}

// Strip returns the headers without those that tell of failures and count
// retries, so that a replayed message starts anew. The slice that it is given
// stays as it is.
func Strip(headers []message.Header) []message.Header {
	marked := letter{headers: headers}.marked()
	kept := make([]message.Header, 0, len(headers))
	for _, h := range headers {
		if rest, ok := strip(h, marked); ok {
			kept = append(kept, rest)
		}
	}
	return kept
}

// strip returns what stays of a header; false where nothing does.
func strip(h message.Header, marked uint32) (rest message.Header, ok bool) {
	if fits(h.Name, counters) {
		return h, false
	}
	for ; marked != 0; marked &= marked - 1 {
		d := &dialects[bits.TrailingZeros32(marked)]
		if d.rest != nil {
			if rest, ok := d.rest(h); ok {
				return rest, true
			}
		}
		if fits(h.Name, d.marks) || fits(h.Name, d.also) {
			return h, false
		}
	}
	return h, true
}

// dialect is how one framework tells of failures.
type dialect struct {
	name string
	// marks are the headers that copies have and other messages do not; a name
	// that ends in * stands for all that begin so.
	marks []string
	// proof, where names alone are no proof, looks at the values as well.
	proof func(letter) bool
	// also are headers that Strip removes beside the marks.
	also []string
	// rest, where a header holds more than failures, takes those out of it;
	// false for any other header.
	rest func(message.Header) (message.Header, bool)
	// read makes the record; false where there is nothing to read after all.
	read func(letter) (Death, bool)
}

// dialects are in the order in which Read believes them.
var dialects = [...]dialect{
	smallRye, springKafka, connect, streams, shareGroup,
	springAMQP, springStream, watermill, wolverine, massTransit, nServiceBus,
	artemis, activeMQ, eventBridge, lambdaAsync, rabbitMQ, celery,
}

// headless dialects leave no mark among the headers.
var headless = [...]dialect{sqs, lambdaKafka, nServiceBusWrapped}

// counters are headers that no copy proves and no replay should have.
var counters = []string{"x-delivery-count", "x-acquired-count", "CamelRedelivered", "CamelRedeliveryCounter"}

// byFirst has, for the first byte of a name, the dialects with such a mark.
var byFirst = func() (first [256]uint32) {
	for i, d := range dialects {
		for _, mark := range d.marks {
			first[mark[0]] |= 1 << i
		}
	}
	return first
}()

// marked returns the dialects that left a mark, as bits. Each is asked for its
// proof once at most, so that the cost is linear.
func (l letter) marked() uint32 {
	var met, marked uint32
	for i := range l.headers {
		name := l.headers[i].Name
		if name == "" {
			continue
		}
		for some := byFirst[name[0]] &^ met; some != 0; some &= some - 1 {
			d := &dialects[bits.TrailingZeros32(some)]
			if !fits(name, d.marks) {
				continue
			}
			bit := some & -some
			met |= bit
			if d.proof == nil || d.proof(l) {
				marked |= bit
			}
		}
	}
	return marked
}

// fits reports whether name is one of the names, or begins as one ending in *.
func fits(name string, names []string) bool {
	for _, n := range names {
		if prefix, open := strings.CutSuffix(n, "*"); open && strings.HasPrefix(name, prefix) || n == name {
			return true
		}
	}
	return false
}
