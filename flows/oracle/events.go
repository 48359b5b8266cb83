package oracle

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/flowcheck/flowcheck/message"
)

// Epoch is what the generator's times count from.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Event is the event as a tap hands it on.
func (f *Flow) Event(e Event) message.Event {
	switch {
	case e.Gap != nil:
		name := f.Name(e.Gap.Channel)
		return message.Event{Mark: &message.Mark{Kind: message.MarkGap, Channel: name, Seen: at(e.Gap.At), Reason: e.Gap.Reason}}
	case e.End:
		return message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: at(e.At)}}
	}
	return message.Event{Observation: f.observation(e.Message)}
}

func at(t int64) time.Time {
	if t == None {
		return time.Time{}
	}
	return Epoch.Add(time.Duration(t))
}

func (f *Flow) observation(m *Message) *message.Observation {
	o := &message.Observation{
		Message: message.Message{Payload: m.Body.Payload()}, Channel: f.Name(m.Channel),
		Position: f.position(m), Time: at(m.Time), Seen: at(m.Seen), ProducerClock: m.Producer,
	}
	if m.HasKey {
		o.Key = []byte(m.Key)
	}
	if m.Death != nil {
		o.Headers = m.Death.headers()
	}
	switch {
	case m.MessageID == "":
	case m.Channel >= 0 && f.Channels[m.Channel].Broker == AMQP:
		o.Properties = map[string]any{"message-id": m.MessageID}
	default:
		o.Headers = append(o.Headers, message.Header{Name: "ce_id", Value: m.MessageID})
	}
	return o
}

func (f *Flow) position(m *Message) message.Position {
	broker := Kafka
	if m.Channel >= 0 {
		broker = f.Channels[m.Channel].Broker
	}
	switch broker {
	case AMQP:
		return message.Nth(m.Offset)
	case SNS:
		return message.Named(fmt.Sprintf("m-%04d", m.Offset))
	default:
		return message.At(m.Partition, m.Offset)
	}
}

// Place is the message as evidence names it.
func (f *Flow) Place(m *Message) string {
	return f.Name(m.Channel) + " " + f.position(m).String()
}

func (d *Death) headers() []message.Header {
	var all []message.Header
	add := func(name string, value any) { all = append(all, message.Header{Name: name, Value: value}) }
	switch d.Dialect {
	case "x-original":
		add("x-original-topic", topic(d.Origin))
		if d.Placed {
			add("x-original-partition", strconv.Itoa(int(d.Partition)))
			add("x-original-offset", strconv.FormatInt(d.Offset, 10))
		}
	case "spring":
		add("kafka_dlt-original-topic", topic(d.Origin))
		if d.Placed {
			add("kafka_dlt-original-partition", string(binary.BigEndian.AppendUint32(nil, uint32(d.Partition))))
			add("kafka_dlt-original-offset", string(binary.BigEndian.AppendUint64(nil, uint64(d.Offset))))
		}
		if d.Attempts > 0 {
			add("kafka_deliveryAttempt", string(binary.BigEndian.AppendUint32(nil, uint32(d.Attempts))))
		}
	case "x-death":
		add("x-death", []any{map[string]any{
			"queue": "q", "reason": d.Reason, "count": int64(d.Attempts), "exchange": topic(d.Origin), "routing-keys": []any{"k"},
		}})
	}
	return all
}

// Time is a time of the generator as the taps tell it; the zero time for None.
func Time(t int64) time.Time { return at(t) }

// Line is the event in a line, for people.
func (f *Flow) Line(e Event) string {
	switch {
	case e.Gap != nil:
		return fmt.Sprintf("gap %s %v", f.Name(e.Gap.Channel), time.Duration(e.Gap.At))
	case e.End:
		return fmt.Sprintf("end %v", time.Duration(e.At))
	}
	m := e.Message
	o := f.observation(m)
	line := fmt.Sprintf("%s time=%s seen=%v", f.Place(m), spell(m.Time), time.Duration(m.Seen))
	if m.Producer {
		line += " producer"
	}
	if m.HasKey {
		line += " key=" + m.Key
	}
	for _, h := range o.Headers {
		line += fmt.Sprintf(" %s=%q", h.Name, fmt.Sprint(h.Value))
	}
	if o.Properties != nil {
		line += fmt.Sprint(" ", o.Properties)
	}
	return line + " " + string(o.Payload)
}

func spell(t int64) string {
	if t == None {
		return "none"
	}
	return time.Duration(t).String()
}
