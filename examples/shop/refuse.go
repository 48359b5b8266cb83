package shop

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// refusal is why an order is dead-lettered.
type refusal struct {
	err      error
	id       string // by what the inbox knows it
	attempts int    // that were made
}

// poisoned handles an order that cannot be read.
func (s *Shop) poisoned(ctx context.Context, r record, err error) error {
	switch {
	case s.has(bugSwallowed):
		s.cfg.Log.Warn("billing", "error", err)
		return nil
	case s.has(bugBlocked):
		for {
			if err := s.pause(ctx, time.Second); err != nil {
				return err
			}
		}
	case s.has(bugSlowRetry):
		if err := s.pause(ctx, 6*time.Second); err != nil {
			return err
		}
	}
	// There is no business id to know it by.
	return s.refuse(ctx, r, refusal{err, fmt.Sprintf("billing %d@%d", r.partition, r.offset), 1})
}

// refuse dead-letters an order, once: as it was, with the reason in the headers of
// Spring for Apache Kafka.
func (s *Shop) refuse(ctx context.Context, r record, why refusal) error {
	copied := row{lane: laneEvents, to: topicRefused, key: string(r.key), noKey: r.key == nil, body: r.value, headers: deathHeaders(r, why)}
	switch {
	case s.has(bugDLTWithoutReason):
		copied.headers = nil
	case s.has(bugDLTReserialised):
		var v any
		if json.Unmarshal(r.value, &v) != nil {
			v = string(r.value)
		}
		copied.body = encode(map[string]any{"order": v})
	case s.has(bugDLTWrongTopic):
		copied.to = topicOtherDLT
	case s.has(bugDLTWithoutKey):
		copied.noKey = true
	}
	return s.db.flushed(ctx, s.db.update(func(t *tx) {
		if t.state(why.id, remembered) != "" && !s.has(bugDLTAgain) {
			return
		}
		t.note(why.id, stateFailed)
		for range s.times(bugDLTTwice) {
			t.send(copied)
		}
	}))
}

// deathHeaders are those of Spring's DeadLetterPublishingRecoverer.
func deathHeaders(r record, why refusal) map[string]any {
	class := "shop.NotAnOrder"
	if errors.Is(why.err, errClosed) {
		class = "shop.AccountClosed"
	}
	headers := map[string]any{
		"kafka_dlt-original-topic":          r.topic,
		"kafka_dlt-original-partition":      string(binary.BigEndian.AppendUint32(nil, uint32(r.partition))),
		"kafka_dlt-original-offset":         string(binary.BigEndian.AppendUint64(nil, uint64(r.offset))),
		"kafka_dlt-original-timestamp":      string(binary.BigEndian.AppendUint64(nil, uint64(r.at.UnixMilli()))),
		"kafka_dlt-original-timestamp-type": "CreateTime",
		"kafka_dlt-original-consumer-group": "billing",
		"kafka_dlt-exception-fqcn":          class,
		"kafka_dlt-exception-message":       why.err.Error(),
		"kafka_deliveryAttempt":             string(binary.BigEndian.AppendUint32(nil, uint32(why.attempts))),
	}
	for _, h := range r.headers {
		if _, ok := headers[string(h.Key)]; !ok {
			headers[string(h.Key)] = string(h.Value)
		}
	}
	return headers
}
