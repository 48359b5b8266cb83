package kafka

import (
	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/message"
)

// observer makes observations of records. It copies: a record's bytes are a part
// of the whole fetch, which would stay in memory with it. What it makes shares
// memory with its neighbours, a few kilobytes, since a tap makes very many. It is
// for one goroutine.
type observer struct {
	text         []byte
	observations []message.Observation
	headers      []message.Header
	last         []message.Header // of the record before, whose texts often come again
}

// How much is made at once.
const (
	textAhead         = 8 << 10
	observationsAhead = 16
	headersAhead      = 64
)

func (m *observer) observe(batch *sarama.RecordBatch, r *sarama.Record, s spot) *message.Observation {
	if len(m.observations) == 0 {
		m.observations = make([]message.Observation, observationsAhead)
	}
	o := &m.observations[0]
	m.observations = m.observations[1:]
	o.Position = message.At(s.partition, batch.FirstOffset+r.OffsetDelta)
	o.Time, o.ProducerClock = recordTime(batch, r), !batch.LogAppendTime
	o.Key, o.Payload = m.keep(r.Key), m.keep(r.Value)
	if n := len(r.Headers); n > 0 {
		o.Headers = m.room(n)
		for i, h := range r.Headers {
			m.header(&o.Headers[i], i, h)
		}
		m.last = o.Headers
	}
	return o
}

// keep copies b, keeping nil apart from empty.
func (m *observer) keep(b []byte) []byte {
	switch n := len(b); {
	case b == nil:
		return nil
	case n == 0:
		return []byte{}
	case n > textAhead/4:
		return append(make([]byte, 0, n), b...)
	case n > cap(m.text)-len(m.text):
		m.text = make([]byte, 0, textAhead)
	}
	at := len(m.text)
	m.text = append(m.text, b...)
	return m.text[at:len(m.text):len(m.text)]
}

// room is for n headers.
func (m *observer) room(n int) []message.Header {
	if n > len(m.headers) {
		m.headers = make([]message.Header, max(n, headersAhead))
	}
	room := m.headers[:n:n]
	m.headers = m.headers[n:]
	return room
}

// header fills in a header, with the texts of the one in its place before where
// those are the same.
func (m *observer) header(to *message.Header, i int, h *sarama.RecordHeader) {
	var before message.Header
	if i < len(m.last) {
		before = m.last[i]
	}
	if before.Name == string(h.Key) {
		to.Name = before.Name
	} else {
		to.Name = string(h.Key)
	}
	if h.Value == nil {
		return
	}
	if text, ok := before.Value.(string); ok && text == string(h.Value) {
		to.Value = before.Value
	} else {
		to.Value = string(h.Value)
	}
}
