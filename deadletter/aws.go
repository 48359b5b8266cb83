package deadletter

import (
	"bytes"
	"encoding/json"
	"strings"
)

// SQS's own redrive, told by system attributes. The receive count goes on in
// the dead-letter queue, so that what reads the message there for the first
// time is one more than the attempts.
//
// Source: SQS API reference, ReceiveMessage; seen on two emulators.
var sqs = dialect{
	name: "sqs",
	read: func(l letter) (Death, bool) {
		if !l.redriven() {
			return Death{}, false
		}
		d := Death{Origin: Origin{Queue: arnName(text(l.properties["DeadLetterQueueSourceArn"]))}}
		if n := attempts(l.properties["ApproximateReceiveCount"], -1); n != nil && *n > 0 {
			d.Attempts = n
		}
		return d, true
	},
}

// redriven reports whether SQS has moved the message to a dead-letter queue.
func (l letter) redriven() bool {
	return text(l.properties["DeadLetterQueueSourceArn"]) != ""
}

// arnName is the last part of an ARN: the queue, the topic.
func arnName(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// EventBridge's dead-letter queue, and the Scheduler's: message attributes,
// all texts. The first attempt is no retry.
//
// Source: Amazon EventBridge user guide, "Using dead-letter queues".
var eventBridge = dialect{
	name:  "eventbridge",
	marks: []string{"TARGET_ARN"},
	proof: func(l letter) bool { return l.has("ERROR_CODE") },
	also: []string{
		"RULE_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS", "EXHAUSTED_RETRY_CONDITION",
		"SCHEDULE_ARN", "EXECUTION_ID", "SCHEDULED_TIME", "IS_PAYLOAD_TRUNCATED",
	},
	read: func(l letter) (Death, bool) {
		return Death{
			Attempts:   attempts(l.last("RETRY_ATTEMPTS"), 1),
			Reason:     l.text("EXHAUSTED_RETRY_CONDITION"),
			ErrorClass: l.text("ERROR_CODE"),
			ErrorText:  l.text("ERROR_MESSAGE"),
		}, true
	},
}

// Lambda's dead-letter queue of asynchronous invocations.
var lambdaAsync = dialect{
	name:  "lambda",
	marks: []string{"RequestID"},
	proof: func(l letter) bool { return l.has("ErrorCode") && l.has("ErrorMessage") },
	also:  []string{"ErrorCode", "ErrorMessage"},
	read: func(l letter) (Death, bool) {
		return Death{ErrorClass: l.text("ErrorCode"), ErrorText: l.text("ErrorMessage")}, true
	},
}

// Lambda's on-failure destination of a Kafka event source: no copy, but a
// report on a batch. The origin's offset is known where the batch was one
// record.
//
// Source: AWS Lambda developer guide, "Capturing discarded batches".
var lambdaKafka = dialect{
	name: "lambda",
	read: func(l letter) (Death, bool) {
		if len(l.body) == 0 || l.body[0] != '{' || !bytes.Contains(l.body, []byte(`"KafkaBatchInfo"`)) {
			return Death{}, false
		}
		var r lambdaReport
		if json.Unmarshal(l.body, &r) != nil || r.Batch == nil || r.Request.Condition == "" {
			return Death{}, false
		}
		d := Death{
			Origin:    r.Batch.origin(),
			Reason:    r.Request.Condition,
			ErrorText: r.Response.FunctionError,
			At:        rfc3339(r.Timestamp),
		}
		if r.Request.Invocations != nil {
			d.Attempts = attempts(*r.Request.Invocations, 0)
		}
		return d, true
	},
}

type lambdaReport struct {
	Request struct {
		Condition   string `json:"condition"`
		Invocations *int64 `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Response struct {
		FunctionError string `json:"functionError"`
	} `json:"responseContext"`
	Timestamp string       `json:"timestamp"`
	Batch     *lambdaBatch `json:"KafkaBatchInfo"`
}

type lambdaBatch struct {
	Partitions map[string]struct {
		First json.RawMessage `json:"firstRecordOffset"`
		Last  json.RawMessage `json:"lastRecordOffset"`
	} `json:"recordsInfo"`
}

// origin reads the place off "topic-partition" where the batch has only one.
func (b *lambdaBatch) origin() Origin {
	if len(b.Partitions) != 1 {
		return Origin{}
	}
	var o Origin
	for place, records := range b.Partitions {
		if dash := strings.LastIndexByte(place, '-'); dash > 0 {
			o = Origin{Topic: place[:dash], Partition: partition(place[dash+1:])}
		}
		if bytes.Equal(records.First, records.Last) {
			o.Offset = offset(strings.Trim(string(records.First), `"`))
		}
	}
	return o
}
