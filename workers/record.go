package workers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/cespare/xxhash/v2"

	"github.com/flowcheck/flowcheck/message"
)

// A message of the topic is a line of a recording for one lane of a flow, or of
// all its lanes, or a mark. The key says which:
//
//	flow \0 lane \0 key    a message of the system, in the partition of its key
//	flow \0 * \0           what a tap says of a channel, in every partition
//	(none)                 a mark of a duty, as JSON, in every partition
const allLanes = "*"

// keyOf is the key of a message for a lane.
func keyOf(flow string, lane int, key string) []byte {
	b := append([]byte(flow), 0)
	b = strconv.AppendInt(b, int64(lane), 10)
	return append(append(b, 0), key...)
}

// partitionOf is where a key belongs.
func partitionOf(key []byte, n int32) int32 {
	return int32(xxhash.Sum64(key) % uint64(n)) //nolint:gosec // below n
}

// address reads a key; lane is -1 for all lanes.
func address(key []byte) (flow string, lane int, err error) {
	flow, rest, ok := strings.Cut(string(key), "\x00")
	number, _, also := strings.Cut(rest, "\x00")
	switch {
	case !ok || !also:
		return "", 0, fmt.Errorf("a message with the key %q", key)
	case number == allLanes:
		return flow, -1, nil
	}
	lane, err = strconv.Atoi(number)
	return flow, lane, err
}

// mark is what a forwarder says of its duties, in every partition: all messages
// before Places are in the topic.
type mark struct {
	Session string    `json:"session"`
	Seen    time.Time `json:"seen"`
	Duties  []int32   `json:"duties"`
	// Armed is when a tap of the duties was armed that had no place to go on at.
	Armed time.Time `json:"armed"`
	// Read is, by flow and channel, the broker's time to which all was read.
	Read   map[string]map[string]time.Time `json:"read,omitempty"`
	Places []place                         `json:"places,omitempty"`
}

// place is how far a partition or a queue was read: what a fence says.
type place struct {
	Flow     string    `json:"flow"`
	Channel  string    `json:"channel"`
	Position string    `json:"position,omitempty"`
	ID       string    `json:"id,omitempty"`
	Seen     time.Time `json:"seen"`
}

// fence is the place as a tap takes it.
func (p *place) fence(channel string) message.Mark {
	return message.Mark{Kind: message.MarkFence, Channel: channel, Position: message.ParsePosition(p.Position), ID: p.ID, Seen: p.Seen}
}

// lines writes events as lines.
type lines struct {
	buffer bytes.Buffer
	writer *message.Writer
}

func newLines() *lines {
	l := &lines{}
	l.writer = message.NewWriter(&l.buffer, message.RecordingHeader{})
	return l
}

// line is the event's, without a line feed.
func (l *lines) line(e message.Event) ([]byte, error) {
	l.buffer.Reset()
	if err := l.writer.Write(e); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSuffix(l.buffer.Bytes(), []byte{'\n'})), nil
}

// told is what a commit says beside the offset to read from.
type told struct {
	// Told is the offset before which all has been told.
	Told int64 `json:"told"`
	// Began is when the last of the taps was armed first.
	Began time.Time `json:"began"`
}

func (t told) String() string {
	data, _ := json.Marshal(t) // a number and a time
	return string(data)
}

// producerMessage is a message for a partition of the topic.
func (f *forwarder) producerMessage(partition int32, key, value []byte) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: f.w.topic, Partition: partition, Value: sarama.ByteEncoder(value)}
	if key != nil {
		m.Key = sarama.ByteEncoder(key)
	}
	return m
}
