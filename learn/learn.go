// Package learn writes a first flow file from recorded traffic. Every guess
// stands beside its evidence, as a comment; what traffic cannot tell is said, too.
//
//	recording → samples → channels, ids → chains → steps, outcomes, rules → draft
//	                                                   draft → flow file → audit ─→ done
//	                                                     └── relaxed ←── findings ─┘
//
// The file that comes out is one that the loader takes and that the traffic
// passes: what the audit contradicts is taken back.
package learn

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// Config of a lesson.
type Config struct {
	// Name is the flow's; "" takes the recording's, else "learnt".
	Name string
	// Messages is how many are learnt from at most; 0 is DefaultMessages.
	Messages int
	// Addresses say where channels are, by their names, as a flow file would: "sns:
	// mail". Those of others are guessed.
	Addresses map[string]string
	// Cut, if not nil, may take an error of the recording for its end.
	Cut func(error) error
}

// DefaultMessages is how many messages are learnt from unless told otherwise.
const DefaultMessages = 100_000

// Lesson is what was learnt.
type Lesson struct {
	// Text is the flow file.
	Text string
	// Messages were seen, Learnt of them learnt from.
	Messages, Learnt int
	// Result is the verdict of the file on what it was learnt from.
	Result *flows.Result
}

// ErrNothing says that there is nothing to learn from.
var ErrNothing = errors.New("nothing to learn from")

// lesson is a lesson under way.
type lesson struct {
	cfg      Config
	header   message.RecordingHeader
	seen     int
	events   []message.Event // clones
	samples  []sample
	channels []*channel
	draft    draft
}

// sample is a message to learn from.
type sample struct {
	o       *message.Observation
	channel int
	fields  []compare.Field
	value   map[string]string
}

// channel is what a channel's messages have in common.
type channel struct {
	name    string
	samples []int
}

// From reads the recording to its end and writes a flow file for it.
func From(ctx context.Context, cfg Config, r *message.Reader) (*Lesson, error) {
	if cfg.Messages == 0 {
		cfg.Messages = DefaultMessages
	}
	l := &lesson{cfg: cfg, header: r.Header()}
	if err := l.read(ctx, r); err != nil {
		return nil, err
	}
	if len(l.samples) == 0 {
		return nil, fmt.Errorf("%w: the recording has no message", ErrNothing)
	}
	if err := l.split(); err != nil {
		return nil, err
	}
	l.learnChannels()
	if err := l.learnIDs(); err != nil {
		return nil, err
	}
	l.learnSteps()
	if err := l.learnChains(); err != nil {
		return nil, err
	}
	l.learnRules()
	result, err := l.settle()
	if err != nil {
		return nil, err
	}
	return &Lesson{Text: l.render(), Messages: l.seen, Learnt: len(l.samples), Result: result}, nil
}

// pause is how many messages pass between two looks at the context.
const pause = 4096

func (l *lesson) read(ctx context.Context, r *message.Reader) error {
	names := map[string]int{}
	for n := 0; ; n++ {
		if n%pause == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := r.Next()
		if err != nil && !errors.Is(err, io.EOF) && l.cfg.Cut != nil {
			if err = l.cfg.Cut(err); err == nil {
				err = io.EOF
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case e.Mark != nil && e.Mark.Kind != message.MarkScenario:
			l.events = append(l.events, e)
		case e.Observation != nil:
			if l.seen++; len(l.samples) >= l.cfg.Messages {
				continue
			}
			o := e.Observation.Clone()
			o.Scan = 0
			at, ok := names[o.Channel]
			if !ok {
				at = len(l.channels)
				names[o.Channel] = at
				l.channels = append(l.channels, &channel{name: o.Channel})
			}
			l.channels[at].samples = append(l.channels[at].samples, len(l.samples))
			l.samples = append(l.samples, sample{o: o, channel: at})
			l.events = append(l.events, message.Event{Observation: o})
		}
	}
}

// split takes all messages apart.
func (l *lesson) split() error {
	d := draft{flow: "split", ids: []draftID{{name: "none", expr: "body.flowcheck_none"}}}
	for i, ch := range l.channels {
		d.channels = append(d.channels, &draftChannel{name: ch.name, broker: "b", address: "topic: x"})
		d.steps = append(d.steps, &draftStep{name: fmt.Sprintf("s%d", i), channel: ch.name})
	}
	d.brokers = []draftBroker{{name: "b", url: "memory://x"}}
	f, errs := flows.Load("draft", []byte(d.render()), flows.Options{Offline: true})
	if len(errs) > 0 {
		return fmt.Errorf("the recording's channels cannot stand in a flow file: %w", errs)
	}
	set := compare.NewSet(f, compare.NewNames())
	for i := range l.samples {
		s := &l.samples[i]
		set.Take(s.o)
		s.fields = set.Fields(i + 1)
		s.value = make(map[string]string, len(s.fields))
		for _, f := range s.fields {
			s.value[f.Path] = f.Value
		}
	}
	return nil
}
