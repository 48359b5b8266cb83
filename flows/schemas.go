package flows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

// Schemas fetches schemas from the registries of a flow's channels.
type Schemas interface {
	// Schema fetches the schema that ref names in a channel's registry. A
	// *payload.Fault tells that the registry has none, a *payload.Unavailable that it
	// could not be asked.
	Schema(ctx context.Context, channel *Channel, ref payload.SchemaRef) (*payload.Schema, error)
}

// NeedsSchemas reports whether a channel of the flow has a registry.
func (f *Flow) NeedsSchemas() bool {
	for i := range f.Channels {
		if f.Channels[i].Registry != nil {
			return true
		}
	}
	return false
}

// Learner fetches the schemas that live messages name, before they are judged or
// recorded. It is for one goroutine.
type Learner struct {
	flow     *Flow
	from     Schemas
	channels map[string]int
	told     map[string]string // what marks have told, by channel and schema
}

// NewLearner makes a Learner; nil, which learns nothing, where the flow has no
// registry.
func NewLearner(f *Flow, from Schemas) *Learner {
	if !f.NeedsSchemas() || from == nil {
		return nil
	}
	l := &Learner{flow: f, from: from, channels: map[string]int{}, told: map[string]string{}}
	for i := range f.Channels {
		l.channels[f.Channels[i].Name] = i
	}
	return l
}

// Learn fetches what a message needs. The marks tell what is new: they belong
// into the recording before the message.
func (l *Learner) Learn(ctx context.Context, o *message.Observation, now time.Time) []*message.Mark {
	if l == nil {
		return nil
	}
	at, ok := l.channels[o.Channel]
	if !ok || l.flow.Channels[at].Registry == nil {
		return nil
	}
	ch := &l.flow.Channels[at]
	plan := &ch.intake
	if plan.unwrap {
		o = unwrapped(o)
	}
	var marks []*message.Mark
	ask := func(codec payload.Codec, data []byte) {
		if codec == nil || data == nil {
			return
		}
		for _, ref := range codec.Needs(&payload.Body{Data: data, Headers: o.Headers, Properties: o.Properties}) {
			if m := l.fetch(ctx, ch, ref); m != nil {
				m.Seen = now
				marks = append(marks, m)
			}
		}
	}
	ask(plan.body, o.Payload)
	ask(plan.key, o.Key)
	return marks
}

// fetch fetches a schema and returns its mark, nil where that has been told.
func (l *Learner) fetch(ctx context.Context, ch *Channel, ref payload.SchemaRef) *message.Mark {
	name := ref.String()
	told := l.told[ch.Name+"\x00"+name]
	if told == known {
		return nil
	}
	s, err := l.from.Schema(ctx, ch, ref)
	m := &message.Mark{Kind: message.MarkSchema, Channel: ch.Name, ID: name}
	now := known
	if err != nil {
		s, now = nil, err.Error()
		m.Reason = err.Error()
		var fault *payload.Fault
		if errors.As(err, &fault) {
			m.Reason = absent + m.Reason
		}
	} else {
		m.Schema = schemaFields(s)
	}
	l.flow.book.Put(ch.Name, name, 0, s, err)
	if told == now {
		return nil
	}
	l.told[ch.Name+"\x00"+name] = now
	return m
}

// known is what is told of a schema that is known; absent begins the reason where
// the registry has none.
const (
	known  = "\x00"
	absent = "absent: "
)

// Prepare fetches what the channels need that scenarios send to. The error names
// the channel.
func (l *Learner) Prepare(ctx context.Context) error {
	if l == nil {
		return nil
	}
	sent := map[int]bool{}
	for i := range l.flow.Scenarios {
		for _, s := range l.flow.Scenarios[i].sends {
			sent[s.to] = sent[s.to] || s.body.set || s.key.set
		}
	}
	return l.PrepareFor(ctx, sent)
}

// PrepareFor fetches what is needed to write to the channels, by index. The error
// names the channel.
func (l *Learner) PrepareFor(ctx context.Context, channels map[int]bool) error {
	if l == nil {
		return nil
	}
	for at := range l.flow.Channels {
		ch := &l.flow.Channels[at]
		if !channels[at] || ch.Registry == nil {
			continue
		}
		for _, codec := range []payload.Codec{ch.intake.body, ch.intake.key} {
			if codec == nil {
				continue
			}
			for _, ref := range codec.Needs(nil) {
				if err := l.prepare(ctx, ch, ref); err != nil {
					return fmt.Errorf("channel %s: %w", ch.Name, err)
				}
			}
		}
	}
	return nil
}

// prepare notes a subject's schema under each of its names.
func (l *Learner) prepare(ctx context.Context, ch *Channel, ref payload.SchemaRef) error {
	s, err := l.from.Schema(ctx, ch, ref)
	if err != nil {
		return err
	}
	l.flow.book.Put(ch.Name, ref.String(), 0, s, nil)
	l.flow.book.Put(ch.Name, payload.SchemaRef{ID: s.ID}.String(), 0, s, nil)
	if s.GUID != "" {
		l.flow.book.Put(ch.Name, s.GUID, 0, s, nil)
	}
	return nil
}

// Learn notes the schemas that a part of a recording has, before its lines are
// reduced. It is safe for concurrent use.
func (a *Audit) Learn(part *message.Reader) {
	if a.flow.NeedsSchemas() {
		part.Marks(message.MarkSchema, a.flow.learnAt)
	}
}

func (f *Flow) learnAt(m *message.Mark, line int) { f.learn(m, line) }

// learn notes what a mark tells of a schema at a line of a recording.
func (f *Flow) learn(m *message.Mark, line int) {
	if m.Schema != nil {
		f.book.Put(m.Channel, m.ID, line, schemaOf(m.Schema), nil)
		return
	}
	var err error = &payload.Unavailable{Reason: m.Reason}
	if reason, ok := strings.CutPrefix(m.Reason, absent); ok {
		err = &payload.Fault{Reason: reason}
	}
	f.book.Put(m.Channel, m.ID, line, nil, err)
}

// schemaFields is a schema as a recording has it.
func schemaFields(s *payload.Schema) map[string]any {
	fields := map[string]any{"type": s.Type, "text": s.Text, "id": int64(s.ID)}
	if s.GUID != "" {
		fields["guid"] = s.GUID
	}
	if len(s.References) > 0 {
		refs := make([]any, len(s.References))
		for i, r := range s.References {
			refs[i] = map[string]any{"name": r.Name, "text": r.Text}
		}
		fields["references"] = refs
	}
	return fields
}

// schemaOf reads what schemaFields wrote.
func schemaOf(fields map[string]any) *payload.Schema {
	text := func(from map[string]any, name string) string {
		s, _ := from[name].(string)
		return s
	}
	s := &payload.Schema{Type: text(fields, "type"), Text: text(fields, "text"), GUID: text(fields, "guid")}
	if id, ok := fields["id"].(int64); ok {
		s.ID = int(id)
	}
	refs, _ := fields["references"].([]any)
	for _, r := range refs {
		if m, ok := r.(map[string]any); ok {
			s.References = append(s.References, payload.Reference{Name: text(m, "name"), Text: text(m, "text")})
		}
	}
	return s
}
