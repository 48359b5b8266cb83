package payload

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/message"
)

func TestUnwrapSNS(t *testing.T) {
	const envelope = `{
  "Type" : "Notification",
  "MessageId" : "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  "TopicArn" : "arn:aws:sns:us-west-2:123456789012:MyTopic",
  "Subject" : "My First Message",
  "Message" : "{\"orderId\":\"o-1\"}",
  "Timestamp" : "2012-05-02T00:54:06.655Z",
  "SignatureVersion" : "1",
  "Signature" : "EXAMPLEw6JRN...",
  "SigningCertURL" : "https://sns.us-west-2.amazonaws.com/SimpleNotificationService.pem",
  "UnsubscribeURL" : "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
  "MessageAttributes" : {
    "traceparent" : {"Type":"String","Value":"00-a-b-01"},
    "n" : {"Type":"Number","Value":"42"},
    "list" : {"Type":"String.Array","Value":"[\"a\"]"},
    "raw" : {"Type":"Binary","Value":"AP8="}
  }
}`
	got, ok := UnwrapSNS([]byte(envelope))
	want := Notification{
		MessageID: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
		TopicARN:  "arn:aws:sns:us-west-2:123456789012:MyTopic",
		Subject:   "My First Message",
		Timestamp: time.Date(2012, 5, 2, 0, 54, 6, 655e6, time.UTC),
		Message:   []byte(`{"orderId":"o-1"}`),
		Headers: []message.Header{
			{Name: "traceparent", Value: "00-a-b-01"}, {Name: "n", Value: "42"}, {Name: "list", Value: `["a"]`}, {Name: "raw", Value: "\x00\xff"},
		},
	}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
}

func TestUnwrapSNSLeavesOtherBodiesAlone(t *testing.T) {
	for _, body := range []string{
		``, `null`, `"TopicArn"`, `{"orderId":"o-1"}`,
		`{"Type":"SubscriptionConfirmation","TopicArn":"arn","Message":"confirm"}`,
		`{"Type":"Notification","TopicArn":"arn"}`,
		`{"Type":"Notification","TopicArn":1,"Message":"m"}`,
		`{"Type":"Notification","TopicArn":"arn","Message":"m"`,
		`{"inner":{"Type":"Notification","TopicArn":"arn","Message":"m"}}`,
	} {
		if n, ok := UnwrapSNS([]byte(body)); ok {
			t.Errorf("%s: %+v", body, n)
		}
	}
	n, ok := UnwrapSNS([]byte(`{"Type":"Notification","TopicArn":"arn","Message":"","Subject":null,"MessageAttributes":{"raw":{"Type":"Binary","Value":"no base64"}}}`))
	if !ok || n.Message == nil || n.Subject != "" || n.Headers[0].Value != "no base64" {
		t.Errorf("%v %+v", ok, n)
	}
}
