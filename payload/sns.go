package payload

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Notification is what SNS delivers to a queue without RawMessageDelivery: the
// message in an envelope. A field that the envelope lacks is "", the zero time
// or nil.
//
// Source: Amazon SNS, "Message body format".
type Notification struct {
	MessageID string
	TopicARN  string
	Subject   string
	Timestamp time.Time
	// Message is the body that was published.
	Message []byte
	// Headers are the message attributes, in their order: Binary ones as their
	// bytes, all others as their text.
	Headers []message.Header
}

// snsPaths has the fields of a Notification in the order of the constants.
var snsPaths = NewPaths([][]Elem{
	{{Name: "Type"}},
	{{Name: "TopicArn"}},
	{{Name: "Message"}},
	{{Name: "MessageId"}},
	{{Name: "Subject"}},
	{{Name: "Timestamp"}},
	{{Name: "MessageAttributes"}},
})

const (
	snsType = iota
	snsTopic
	snsMessage
	snsMessageID
	snsSubject
	snsTimestamp
	snsAttributes
	snsFields
)

// UnwrapSNS takes an SNS notification out of its envelope; false where body is
// none. It shares the bytes of body where it can.
func UnwrapSNS(body []byte) (Notification, bool) {
	if len(body) == 0 || !bytes.Contains(body, []byte(`"TopicArn"`)) {
		return Notification{}, false
	}
	var f [snsFields]Value
	if snsPaths.Extract(body, f[:]) != nil {
		return Notification{}, false
	}
	if f[snsType].Text() != "Notification" || f[snsTopic].Kind() != String || f[snsMessage].Kind() != String {
		return Notification{}, false
	}
	n := Notification{
		MessageID: f[snsMessageID].Text(),
		TopicARN:  f[snsTopic].Text(),
		Subject:   f[snsSubject].Text(),
		Message:   []byte(f[snsMessage].Text()),
	}
	n.Timestamp, _ = time.Parse(time.RFC3339Nano, f[snsTimestamp].Text())
	for _, m := range f[snsAttributes].Distinct() {
		n.Headers = append(n.Headers, message.Header{Name: m.Name, Value: snsAttribute(m.Value)})
	}
	return n, true
}

// snsAttribute is the value of a {"Type":…,"Value":…}.
func snsAttribute(v Value) string {
	text := v.Member("Value").Text()
	if v.Member("Type").Text() == "Binary" {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			return string(raw)
		}
	}
	return text
}
