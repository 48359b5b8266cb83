package deadletter

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// nsbEnvelope is the one attribute that NServiceBus puts all its headers into
// on SQS, as a JSON object of texts.
const nsbEnvelope = "NServiceBus.AmazonSQS.Headers"

// nsbFailed are the headers of a message that failed.
var nsbFailed = []string{
	"NServiceBus.FailedQ", "NServiceBus.ExceptionInfo.*", "NServiceBus.TimeOfFailure",
	"NServiceBus.Retries", "NServiceBus.Retries.Timestamp", "NServiceBus.FLRetries",
}

// NServiceBus.
//
// Sources: NServiceBus Headers.cs; Particular's documentation of the SQS
// transport.
var nServiceBus = dialect{
	name:  "nservicebus",
	marks: append([]string{nsbEnvelope}, nsbFailed...),
	proof: func(l letter) bool {
		for _, h := range l.headers {
			if fits(h.Name, nsbFailed) || h.Name == nsbEnvelope && tellsOfFailure(h.Value) {
				return true
			}
		}
		return false
	},
	rest: nsbRest,
	read: func(l letter) (Death, bool) {
		for _, h := range l.headers {
			if fits(h.Name, nsbFailed) {
				return nsbDeath(l.text), true
			}
		}
		return nsbDeath(textsOf(inEnvelope(l.last(nsbEnvelope)))), true
	},
}

// nServiceBusWrapped is a body on SQS that has the headers beside the real one,
// which is in base64.
var nServiceBusWrapped = dialect{
	name: "nservicebus",
	read: func(l letter) (Death, bool) {
		if !bytes.Contains(l.body, []byte(`"NServiceBus.FailedQ"`)) {
			return Death{}, false
		}
		var wrapper struct{ Headers map[string]json.RawMessage }
		if json.Unmarshal(l.body, &wrapper) != nil {
			return Death{}, false
		}
		header := textsOf(wrapper.Headers)
		return nsbDeath(header), header("NServiceBus.FailedQ") != ""
	},
}

func nsbDeath(header func(name string) string) Death {
	queue, _, _ := strings.Cut(header("NServiceBus.FailedQ"), "@")
	return Death{
		Origin:     Origin{Queue: queue},
		ErrorClass: header("NServiceBus.ExceptionInfo.ExceptionType"),
		ErrorText:  header("NServiceBus.ExceptionInfo.Message"),
		At:         nsbTime(header("NServiceBus.TimeOfFailure")),
	}
}

// nsbTime reads "2026-11-22 10:00:00:123456 Z".
func nsbTime(s string) time.Time {
	const dot = len("2006-01-02 15:04:05")
	if len(s) <= dot || s[dot] != ':' {
		return time.Time{}
	}
	t, err := time.Parse("2006-01-02 15:04:05.000000 Z", s[:dot]+"."+s[dot+1:])
	if err != nil {
		return time.Time{}
	}
	return t
}

// tellsOfFailure reports whether the attribute, which other messages have as
// well, has failure headers.
func tellsOfFailure(attribute any) bool {
	if s, _ := attribute.(string); !strings.Contains(s, `"NServiceBus.F`) && !strings.Contains(s, `"NServiceBus.Retries`) {
		return false
	}
	for name := range inEnvelope(attribute) {
		if fits(name, nsbFailed) {
			return true
		}
	}
	return false
}

// inEnvelope are the headers in the attribute; nil where it is not what it
// should be.
func inEnvelope(attribute any) map[string]json.RawMessage {
	var inner map[string]json.RawMessage
	if json.Unmarshal([]byte(text(attribute)), &inner) != nil {
		return nil
	}
	return inner
}

// textsOf reads headers that are JSON strings.
func textsOf(headers map[string]json.RawMessage) func(name string) string {
	return func(name string) string {
		var s string
		if json.Unmarshal(headers[name], &s) != nil {
			return ""
		}
		return s
	}
}

// nsbRest takes the failure headers out of the attribute. One that is not what
// it should be stays as it is.
func nsbRest(h message.Header) (message.Header, bool) {
	if h.Name != nsbEnvelope {
		return h, false
	}
	inner := inEnvelope(h.Value)
	if inner == nil {
		return h, true
	}
	for name := range inner {
		if fits(name, nsbFailed) {
			delete(inner, name)
		}
	}
	if rest, err := json.Marshal(inner); err == nil {
		h.Value = string(rest)
	}
	return h, true
}
