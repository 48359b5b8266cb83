package aws

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// awsEnvelope is what AWS delivers for a FIFO topic, by its developer guide.
const awsEnvelope = `{
  "Type" : "Notification",
  "MessageId" : "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
  "SequenceNumber" : "10000000000000003000",
  "TopicArn" : "arn:aws:sns:us-west-2:123456789012:MyTopic.fifo",
  "Subject" : "Testing",
  "Message" : "{\"a\": \"<&>\\u00fc\"}",
  "Timestamp" : "2012-03-29T05:12:16.901Z",
  "UnsubscribeURL" : "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
  "MessageAttributes" : {
    "price" : {"Type":"Number","Value":"1.50"},
    "names" : {"Type":"String.Array","Value":"[\"a\"]"},
    "raw" : {"Type":"Binary","Value":"AAH/"},
    "broken" : {"Type":"Binary","Value":"***"}
  }
}`

func delivered(body string) types.Message {
	return types.Message{
		MessageId: aws.String("sqs-1"), Body: aws.String(body),
		Attributes: map[string]string{
			"SentTimestamp": "1332997937000", "ApproximateReceiveCount": "2", "SenderId": "x", "ApproximateFirstReceiveTimestamp": "1",
			"MessageGroupId": "g-1", "MessageDeduplicationId": "d-1", "SequenceNumber": "7",
		},
	}
}

func TestObserveATopicsEnvelope(t *testing.T) {
	seen := time.Unix(1400000000, 0)
	got := observe(brokers.Channel{Name: "c", SNS: "MyTopic.fifo"}, delivered(awsEnvelope), seen)
	want := &message.Observation{
		Message: message.Message{
			Key:     []byte("g-1"),
			Payload: []byte(`{"a": "<&>\u00fc"}`),
			Headers: []message.Header{
				{Name: "broken", Value: "***"},
				{Name: "names", Value: `["a"]`},
				{Name: "price", Value: "1.50"},
				{Name: "raw", Value: "\x00\x01\xff"},
			},
			Properties: map[string]any{
				"MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76", "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic.fifo",
				"Subject": "Testing", "SequenceNumber": "10000000000000003000", "MessageGroupId": "g-1", "MessageDeduplicationId": "d-1",
			},
		},
		Channel:  "c",
		Position: message.Named("63a3f6b6-d533-4a47-aef9-fcf5cf758c76"),
		Time:     time.Date(2012, 3, 29, 5, 12, 16, 901e6, time.UTC),
		Seen:     seen,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestObserveAQueue(t *testing.T) {
	got := observe(brokers.Channel{Name: "c", SQS: "q", Intrusive: true}, delivered("plain"), time.Time{})
	if string(got.Payload) != "plain" || got.Position != message.Named("sqs-1") || !got.Redelivered || string(got.Key) != "g-1" {
		t.Errorf("%+v", got)
	}
	if want := time.Date(2012, 3, 29, 5, 12, 17, 0, time.UTC); !got.Time.Equal(want) {
		t.Errorf("time %v", got.Time)
	}
	if len(got.Properties) != 8 || got.Properties["SequenceNumber"] != "7" {
		t.Errorf("properties %v", got.Properties)
	}
}

func TestObserveWhatIsNoEnvelope(t *testing.T) {
	for _, body := range []string{
		"", "x", "{", "{}", `{"Type":"Notification"}`, `["Type"]`,
		`{"Type":"Notification","MessageId":"m","TopicArn":"somewhere","Message":"x"}`,
		`{"Type":"SubscriptionConfirmation","MessageId":"m","TopicArn":"arn:aws:sns:r:1:t","Message":"x"}`,
		`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:r:1:t","Message":{"no":"text"}}`,
		`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:r:1:t"}`,
	} {
		got := observe(brokers.Channel{SNS: "t"}, types.Message{MessageId: aws.String("sqs-1"), Body: aws.String(body)}, time.Time{})
		if string(got.Payload) != body || got.Position != message.Named("sqs-1") || got.Payload == nil || got.Key != nil || !got.Time.IsZero() {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// ministack cuts the milliseconds off; such a time would be too early.
func TestTimeWithoutMillisecondsIsSQSs(t *testing.T) {
	body := `{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:r:1:t","Message":"x","Timestamp":"2012-03-29T05:12:16.000Z"}`
	got := observe(brokers.Channel{SNS: "t"}, delivered(body), time.Time{})
	if want := time.UnixMilli(1332997937000); !got.Time.Equal(want) {
		t.Errorf("time %v, want %v", got.Time, want)
	}
}

func FuzzObserve(f *testing.F) {
	f.Add(awsEnvelope, "1332997937000", "2")
	f.Add("", "", "")
	f.Add(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:","Message":"","MessageAttributes":{"a":null}}`, "-1", "x")
	f.Fuzz(func(t *testing.T, body, sent, received string) {
		m := delivered(body)
		m.Attributes["SentTimestamp"], m.Attributes["ApproximateReceiveCount"] = sent, received
		for _, ch := range []brokers.Channel{{SNS: "t"}, {SNS: "t", Envelope: true}, {SQS: "q"}} {
			o := observe(ch, m, time.Time{})
			if o.Payload == nil {
				t.Error("a body was taken for a tombstone")
			}
			if o.Position.Kind != message.Opaque || o.Position.ID == "" {
				t.Errorf("position %+v", o.Position)
			}
			if ch.Envelope && string(o.Payload) != body {
				t.Error("the envelope was touched")
			}
		}
	})
}
