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
			if fits(h.Name, nsbFailed) || h.Name == nsbEnvelope && tellsOfFailure(text(h.Value)) {
				return true
			}
		}
		return false
	},
	rest: nsbRest,
	read: func(l letter) (Death, bool) {
		if l.has("NServiceBus.FailedQ") || l.has("NServiceBus.Retries") || l.has("NServiceBus.FLRetries") {
			return nsbDeath(l.text), true
		}
		var inner map[string]string
		if json.Unmarshal([]byte(l.text(nsbEnvelope)), &inner) != nil {
			return nsbDeath(l.text), true
		}
		return nsbDeath(func(name string) string { return inner[name] }), true
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
		var wrapper struct{ Headers map[string]string }
		if json.Unmarshal(l.body, &wrapper) != nil || wrapper.Headers["NServiceBus.FailedQ"] == "" {
			return Death{}, false
		}
		return nsbDeath(func(name string) string { return wrapper.Headers[name] }), true
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

// tellsOfFailure is a quick look into the attribute, which other messages have
// as well.
func tellsOfFailure(headers string) bool {
	return strings.Contains(headers, `"NServiceBus.FailedQ"`) ||
		strings.Contains(headers, `"NServiceBus.Retries"`) || strings.Contains(headers, `"NServiceBus.FLRetries"`)
}

// nsbRest takes the failure headers out of the attribute. One that is not what
// it should be stays as it is.
func nsbRest(h message.Header) (message.Header, bool) {
	if h.Name != nsbEnvelope {
		return h, false
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal([]byte(text(h.Value)), &inner) != nil || inner == nil {
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
