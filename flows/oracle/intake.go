package oracle

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// msg is a message with what the flow says of it alone.
type msg struct {
	*Message
	arrival int // place in the order of arrival
	ch      *Channel
	time    int64 // by the channel's clock
	step    int   // -1: none
	stray   string
	ids     []id // that tie
	listed  []id
	loose   []id
	payload []byte
	copied  bool // its headers name it a copy
	mid     string
}

// id is an id with its value as it is compared, and as it was spelled.
type id struct {
	name  int
	value string
	spelt string
}

// at is the broker's time, else the arrival.
func (m *msg) at() int64 {
	if m.time != None {
		return m.time
	}
	return m.Seen
}

// gap is a loss that a tap told.
type gap struct {
	channel  int
	from, to int64
	touched  bool
}

// world is all that the taps saw.
type world struct {
	flow  *Flow
	run   Run
	seen  int
	msgs  []*msg // the flow's
	read  []*msg // all that was read on the flow's channels, foreign ones too
	gaps  []*gap
	end   int64 // None: nobody said
	start int64
	out   *Report

	rewritten []*msg // offsets that were read again with other content
}

// observe reads the events in the order of arrival.
func observe(f *Flow, run Run) *world {
	w := &world{flow: f, run: run, end: None, start: run.Started, out: &Report{Outcomes: map[string]int{}}}
	for i, e := range run.Events {
		switch {
		case e.Gap != nil:
			w.gaps = append(w.gaps, &gap{channel: e.Gap.Channel, from: w.lastBefore(e.Gap.Channel), to: e.Gap.At})
		case e.End:
			w.end = e.At
		default:
			w.take(e.Message, i)
		}
	}
	for _, g := range w.gaps {
		g.to = max(g.to, g.from)
	}
	if w.start == None {
		for _, m := range w.read {
			if w.start == None || m.Seen < w.start {
				w.start = m.Seen
			}
		}
	}
	return w
}

func (w *world) take(message *Message, arrival int) {
	if message.Channel < 0 {
		w.seen++
		return
	}
	m := &msg{Message: message, arrival: arrival, ch: &w.flow.Channels[message.Channel], step: -1, payload: message.Body.Payload()}
	for _, have := range w.read {
		if m.ch.Broker != AMQP && w.flow.Place(have.Message) == w.flow.Place(message) {
			w.readAgain(have, m)
			return
		}
	}
	w.seen++
	w.read = append(w.read, m)
	m.time = m.clock()
	if m.ch.Ours && m.body().Foreign {
		return
	}
	w.msgs = append(w.msgs, m)
	w.classify(m)
}

// readAgain: an offset is one message. Where it was read with other content, one of
// the two is wrong; what is not this flow's is not compared.
func (w *world) readAgain(have, m *msg) {
	foreign := func(m *msg) bool { return m.ch.Ours && m.body().Foreign }
	if m.ch.Broker == Kafka && !foreign(have) && !foreign(m) && !identical(have, m) && !slices.Contains(w.rewritten, have) {
		w.rewritten = append(w.rewritten, have)
	}
}

// body is the body as expressions see it: nothing where it does not decode.
func (m *msg) body() *Body {
	if m.Body.Broken || m.Body.Tombstone {
		return &Body{IDs: make([][]string, len(m.Body.IDs)), Listed: make([]bool, len(m.Body.IDs)), Lines: -1, At: None}
	}
	return &m.Body
}

func (m *msg) clock() int64 {
	switch m.ch.Clock {
	case "seen":
		return m.Seen
	case "body.at":
		return m.body().At
	default:
		return m.Time
	}
}

func (w *world) classify(m *msg) {
	body := m.body()
	for i := range w.flow.Steps {
		s := &w.flow.Steps[i]
		fits := s.Channel == m.Channel && (s.Type == "" || body.Type == s.Type) &&
			(s.AtLeast == 0 || body.N != nil && *body.N >= s.AtLeast)
		if fits {
			m.step = i
			break
		}
	}
	switch {
	case m.ch.JSON && m.Body.Broken && !m.Body.Tombstone:
		m.stray = "malformed"
	case m.step >= 0:
	case m.ch.DeadLetters != nil:
		m.stray = "dead-lettered"
	case m.ch.Only:
		m.stray = "unexpected"
	}
	m.copied = m.Death != nil && m.Death.Dialect != ""
	if m.mid = m.MessageID; m.ch.MessageID {
		m.mid = body.MID
	}
	for i, decl := range w.flow.IDs {
		values, listed := body.IDs[i], body.Listed[i]
		if decl.Key {
			values, listed = nil, false
			if m.HasKey {
				values = []string{m.Key}
			}
		}
		for _, v := range values {
			if v == "" {
				continue
			}
			one := id{i, canonical(v), v}
			switch {
			case decl.Loose:
				m.loose = append(m.loose, one)
			case listed, m.step < 0: // a stray ties nothing
				m.listed = append(m.listed, one)
			default:
				m.ids = append(m.ids, one)
			}
		}
	}
}

// canonical is a UUID in its usual spelling; anything else as it is.
func canonical(s string) string {
	u := strings.ToLower(s)
	u = strings.TrimPrefix(u, "urn:uuid:")
	if len(u) == 38 && u[0] == '{' && u[37] == '}' {
		u = u[1:37]
	}
	plain := strings.ReplaceAll(u, "-", "")
	if len(plain) != 32 || strings.Trim(plain, "0123456789abcdef") != "" {
		return s
	}
	if len(u) != 32 && len(u) != 36 {
		return s
	}
	return plain[:8] + "-" + plain[8:12] + "-" + plain[12:16] + "-" + plain[16:20] + "-" + plain[20:]
}

// sameQueue reports whether positions decide the order of two messages.
func sameQueue(a, b *msg) bool {
	return a.Channel == b.Channel && a.Partition == b.Partition && a.ch.Broker != SNS
}

// before reports whether a certainly came before b (rule 8).
func (w *world) before(a, b *msg) bool {
	if sameQueue(a, b) {
		return a.Offset < b.Offset
	}
	return a.time != None && b.time != None && b.time-a.time > w.skew(a, b)
}

func (w *world) skew(a, b *msg) int64 {
	byProducer := func(m *msg) bool { return m.Producer && m.ch.Clock == "" }
	if byProducer(a) || byProducer(b) {
		return max(w.flow.skew(), w.flow.producerSkew())
	}
	return w.flow.skew()
}

// inOrder sorts messages by the time that each has at least: its own, or that
// of a message before it in its queue. Places decide between equal times, so
// that the order of arrival never does.
func (w *world) inOrder(all []*msg) []*msg {
	least := map[*msg]int64{}
	for _, m := range all {
		least[m] = m.at()
		for _, o := range all {
			if sameQueue(m, o) && o.Offset < m.Offset {
				least[m] = max(least[m], o.at())
			}
		}
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b *msg) int {
		return cmp.Or(cmp.Compare(least[a], least[b]), byPlace(a, b))
	})
	return sorted
}

func byPlace(a, b *msg) int {
	if a.ch.Broker == SNS && b.ch.Broker == SNS {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Seen, b.Seen), cmp.Compare(a.Offset, b.Offset))
	}
	return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// identical reports whether two messages of a channel have the same key and
// payload bytes.
func identical(a, b *msg) bool {
	return bytes.Equal(a.payload, b.payload) && (a.payload == nil) == (b.payload == nil) &&
		a.HasKey == b.HasKey && a.Key == b.Key
}

// redelivery reports whether b is a further copy of a that its channel allows.
func redelivery(a, b *msg) bool {
	switch a.ch.Redeliveries {
	case "allow":
		return identical(a, b)
	case "same-id":
		return a.mid != "" && a.mid == b.mid
	default:
		return false
	}
}

// lastBefore is when the last message of the channel came that was read so far:
// of several partitions, the one that is furthest behind. None: nothing was.
func (w *world) lastBefore(channel int) int64 {
	last := map[int32]*msg{}
	for _, m := range w.read {
		if m.Channel == channel {
			last[m.Partition] = m
		}
	}
	from := int64(None)
	for _, m := range last {
		if from == None || m.at() < from {
			from = m.at()
		}
	}
	return from
}

// lossesIn are the gaps of the channel that meet a window.
func (w *world) lossesIn(channel int, from, to int64) []*gap {
	var all []*gap
	for _, g := range w.gaps {
		if g.channel == channel && g.from <= to && g.to >= from {
			all = append(all, g)
		}
	}
	return all
}

// readPast reports whether the channel was read past t: each of its partitions,
// or all channels by the end mark.
func (w *world) readPast(channel int, t int64, arrival bool) bool {
	return w.end != None && w.end >= t || w.partitionsPast(channel, t, arrival)
}

func (w *world) partitionsPast(channel int, t int64, arrival bool) bool {
	far := map[int32]bool{}
	for _, m := range w.read {
		if m.Channel != channel {
			continue
		}
		read := m.time
		if arrival {
			read = m.Seen
		}
		far[m.Partition] = far[m.Partition] || read != None && read > t
	}
	for _, past := range far {
		if !past {
			return false
		}
	}
	return len(far) > 0
}

// timed reports whether messages of the channel have a broker time.
func (w *world) timed(channel int) bool {
	return slices.ContainsFunc(w.read, func(m *msg) bool { return m.Channel == channel && m.time != None })
}
