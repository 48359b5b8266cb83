package formats

import (
	"testing"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// TestEnvelopes: what is in each envelope is the body, and what the envelope says
// beside it is among the headers, where the message's own win.
func TestEnvelopes(t *testing.T) {
	for _, c := range []struct{ envelope, body, want, header, value string }{
		{
			"masstransit", `{"messageId":"m-1","messageType":["urn:message:Shop:OrderPlaced"],"message":{"orderId":"o-1"},"headers":{"tenant":"acme"}}`,
			`{"orderId":"o-1"}`, "messageId", "m-1",
		},
		{"masstransit", `{"messageId":"m-1","message":{"orderId":"o-1"},"headers":{"tenant":"acme"}}`, `{"orderId":"o-1"}`, "tenant", "acme"},
		{"masstransit", `{"orderId":"o-1"}`, "", "", ""},
		{"eventbridge", `{"detail-type":"OrderPlaced","source":"shop","detail":{"orderId":"o-1"}}`, `{"orderId":"o-1"}`, "detail-type", "OrderPlaced"},
		{"eventbridge", `{"detail-type":"OrderPlaced"}`, "", "", ""},
		{"nservicebus", `{"Body":"eyJvcmRlcklkIjoiby0xIn0=","Headers":{"NServiceBus.MessageId":"m-1"}}`, `{"orderId":"o-1"}`, "NServiceBus.MessageId", "m-1"},
		{
			"cloudevents", `{"specversion":"1.0","id":"e-1","source":"/shop","type":"placed","data_base64":"eyJvcmRlcklkIjoiby0xIn0="}`,
			`{"orderId":"o-1"}`, "ce_id", "e-1",
		},
		{"cloudevents", `{"specversion":"1.0","id":"e-1","data":{}}`, "", "", ""},
		{"masstransit", `{"messageId":"m-1","message":{"orderId":"o-1"}}`, `{"orderId":"o-1"}`, "own", "mine"},
	} {
		body := payload.Body{Data: []byte(c.body), Headers: []message.Header{{Name: "own", Value: "mine"}}}
		v, err := open(t, payload.Setup{Format: "json", Envelope: c.envelope}).Decode(&body)
		if (err != nil) != (c.want == "") {
			t.Errorf("%s %s: %v", c.envelope, c.body, err)
			continue
		}
		if err != nil {
			continue
		}
		if got := string(payload.AppendJSON(nil, v)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.envelope, got, c.want)
		}
		if got, _ := header(body.Headers, c.header); got != c.value {
			t.Errorf("%s: the header %s is %q, want %q", c.envelope, c.header, got, c.value)
		}
	}
}
