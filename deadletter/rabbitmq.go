package deadletter

import (
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// RabbitMQ. x-death is a list with an entry for each pair of queue and reason,
// the newest first; a recording may have it as JSON text. The x-first-death-*
// headers stand in where it is missing.
//
// A message that expired in a queue after it had been rejected went through a
// waiting queue, or was thrown out of a store of dead letters: either way the
// rejection says why it is dead, and where.
//
// Sources: RabbitMQ documentation, "Dead letter exchanges"; mc_amqpl.erl.
var rabbitMQ = dialect{
	name:  "rabbitmq",
	marks: []string{"x-death", "x-first-death-*", "x-last-death-*"},
	also:  []string{"retry-count"},
	read: func(l letter) (Death, bool) {
		deaths := l.deaths()
		if len(deaths) == 0 {
			return l.firstDeath()
		}
		final := decisive(deaths)
		d := Death{
			Origin: Origin{Exchange: final.exchange, RoutingKey: final.routingKey, Queue: final.queue},
			Reason: final.reason,
		}
		if final.count == 1 {
			d.At = final.time // that of the first of several
		}
		if d.Attempts = l.dramatiqAttempts(); d.Attempts == nil {
			d.Attempts = l.rabbitAttempts(deaths, final)
		}
		return d, true
	},
}

// death is an entry of x-death.
type death struct {
	queue, reason, exchange, routingKey string

	count int64 // 0 is not told
	time  time.Time
}

// maxDeaths bounds how many entries count: there is one a queue and reason.
const maxDeaths = 1000

// deaths reads x-death.
func (l letter) deaths() []death {
	list, ok := table(l.last("x-death")).([]any)
	if !ok {
		return nil
	}
	var all []death
	for _, v := range list[:min(len(list), maxDeaths)] {
		entry, ok := table(v).(map[string]any)
		if !ok {
			continue
		}
		d := death{
			queue: text(entry["queue"]), reason: text(entry["reason"]), exchange: text(entry["exchange"]),
			routingKey: firstKey(entry["routing-keys"]), time: rfc3339(entry["time"]),
		}
		if seconds, ok := entry["time"].(int64); ok && d.time.IsZero() {
			d.time = millis(seconds * 1000)
		}
		if n := attempts(entry["count"], 0); n != nil {
			d.count = int64(*n)
		}
		all = append(all, d)
	}
	return all
}

// table reads a table or a list that is given as its JSON text.
func table(v any) any {
	s, ok := v.(string)
	if !ok || s == "" || s[0] != '[' && s[0] != '{' {
		return v
	}
	parsed, err := message.ParseValue(s)
	if err != nil {
		return v
	}
	return parsed
}

func firstKey(v any) string {
	if keys, ok := v.([]any); ok && len(keys) > 0 {
		return text(keys[0])
	}
	return text(v)
}

// decisive is the newest entry that is no expiry, else the oldest of all.
func decisive(deaths []death) death {
	for _, d := range deaths {
		if d.reason != "expired" {
			return d
		}
	}
	return deaths[len(deaths)-1]
}

// rabbitAttempts counts what consumers refused. After an expiry that followed
// the rejection the message was delivered once more, if it came back to its
// queue: that is sure where either has happened twice.
func (l letter) rabbitAttempts(deaths []death, final death) *int {
	if l.has("retry-count") {
		return nil // published anew: then x-death begins anew
	}
	switch final.reason {
	case "delivery_limit":
		// The entry counts 1, however often it was delivered.
		return attempts(l.last("x-delivery-count"), 0)
	case "rejected":
	default:
		return nil
	}
	var refused int64
	for _, d := range deaths {
		if d.queue == final.queue && d.reason == "rejected" {
			refused += d.count
		}
	}
	if final.count == 0 {
		return nil
	}
	if newest := deaths[0]; newest.reason == "expired" {
		if refused < 2 && newest.count < 2 {
			return nil
		}
		refused++
	}
	return attempts(refused+l.celeryRetries(), 0)
}

// firstDeath makes do with x-first-death-*.
func (l letter) firstDeath() (Death, bool) {
	d := Death{
		Origin: Origin{Exchange: l.text("x-first-death-exchange"), Queue: l.text("x-first-death-queue")},
		Reason: l.text("x-first-death-reason"),
	}
	return d, d.Origin.Queue != "" || d.Reason != ""
}
