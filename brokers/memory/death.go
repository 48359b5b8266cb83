package memory

import (
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// bury sends a message to where its queue's dead letters go, with the headers
// that RabbitMQ writes (rabbit_dead_letter.erl), or drops it. The caller holds
// s.mu.
func (s *Server) bury(q *queue, e entry, reason string) {
	dl := q.opts.DeadLetter
	if dl == nil {
		return
	}
	deaths := recordDeath(e, death{queue: q.name, reason: reason, at: s.opts.Now()})
	key := dl.Key
	if key == "" {
		key = e.key
	}
	dead := entry{Message: deadCopy(e.Message, deaths, q.name, reason), exchange: dl.Exchange, key: key}
	if _, ok := dead.Header("x-first-death-reason"); !ok {
		dead.Headers = setHeader(dead.Headers, "x-first-death-exchange", e.exchange)
		dead.Headers = setHeader(dead.Headers, "x-first-death-queue", q.name)
		dead.Headers = setHeader(dead.Headers, "x-first-death-reason", reason)
	}
	dead.Headers = setHeader(dead.Headers, "x-last-death-exchange", e.exchange)
	for _, to := range s.route(dl.Exchange, key) {
		if !circles(deaths, to.name) {
			s.enqueue(to, dead)
		}
	}
}

// death is one loss of a message by a queue.
type death struct {
	queue, reason string
	at            time.Time
}

// recordDeath returns the message's x-death with one death more: the entry of
// the same queue and reason counts on, and moves to the front.
func recordDeath(e entry, d death) []any {
	before, _ := e.Header("x-death")
	old, _ := before.([]any)
	record := map[string]any{
		"count": int64(1), "reason": d.reason, "queue": d.queue, "exchange": e.exchange,
		"time": d.at.UTC().Truncate(time.Second), "routing-keys": []any{e.key},
	}
	if ttl, ok := e.Properties["expiration"].(string); ok {
		record["original-expiration"] = ttl
	}
	deaths := []any{record}
	for _, o := range old {
		table, _ := o.(map[string]any)
		if table["queue"] != d.queue || table["reason"] != d.reason {
			deaths = append(deaths, o)
			continue
		}
		again, _ := cloneValue(table).(map[string]any)
		count, _ := table["count"].(int64)
		again["count"] = count + 1
		deaths[0] = again
	}
	return deaths
}

// deadCopy is the message with its deaths; its own expiration is gone.
func deadCopy(m message.Message, deaths []any, queue, reason string) message.Message {
	m = clone(m)
	delete(m.Properties, "expiration")
	m.Headers = setHeader(m.Headers, "x-death", deaths)
	m.Headers = setHeader(m.Headers, "x-last-death-queue", queue)
	m.Headers = setHeader(m.Headers, "x-last-death-reason", reason)
	return m
}

// setHeader sets a header, keeping the names sorted.
func setHeader(headers []message.Header, name string, value any) []message.Header {
	i, found := slices.BinarySearchFunc(headers, name, func(h message.Header, n string) int {
		return strings.Compare(h.Name, n)
	})
	if found {
		headers[i].Value = value
		return headers
	}
	return slices.Insert(headers, i, message.Header{Name: name, Value: value})
}

// circles reports whether a dead message would come to a queue that has lost it
// before, without anybody having rejected it since: such a message is dropped.
func circles(deaths []any, queue string) bool {
	for _, d := range deaths {
		table, _ := d.(map[string]any)
		if table["reason"] == "rejected" {
			return false
		}
		if table["queue"] == queue {
			return true
		}
	}
	return false
}
