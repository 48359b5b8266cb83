package flows

import (
	"fmt"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload"
)

// Call is an HTTP request or a command, ready to be made: what begins a scenario
// in the place of a message, heals, restarts, sets up or cleans up.
type Call struct {
	// Run is a command and its arguments; empty for a request.
	Run []string

	Method, URL string
	Headers     []CallHeader
	Body        []byte
	TLS         *source.TLS // nil: by the system's certificates
	OAuth       *OAuth      // nil: no token is fetched

	// Errand is what is to be done on a broker instead; nil for a call.
	Errand *Errand
}

// Errand is SQL for a database, or the purge of a queue.
type Errand struct {
	Broker  int
	SQL     []string
	Channel int // to be purged, where there is no SQL
	about   string
}

// CallHeader is a header of a request.
type CallHeader struct{ Name, Value string }

// OAuth is how a token is had for a request: OAuth 2 client credentials (RFC
// 6749, 4.4).
type OAuth struct {
	TokenURL, ClientID, ClientSecret string
	Scopes                           []string
}

// String names the call in an error or a report, without what may be secret.
func (c *Call) String() string {
	switch {
	case c.Errand != nil:
		return c.Errand.about
	case len(c.Run) > 0:
		return c.Run[0]
	}
	return c.Method + " " + redacted(c.URL)
}

// Reply is what a call was answered.
type Reply struct {
	Status  int // of a command: its exit code
	Headers map[string]string
	Body    []byte // of a command: its standard output
}

// value is the reply as expressions see it.
func (r *Reply) value() payload.Value {
	headers := make([]payload.Member, 0, len(r.Headers))
	for name, v := range r.Headers {
		headers = append(headers, payload.Member{Name: name, Value: payload.OfString(v)})
	}
	text := payload.OfString(string(r.Body))
	body, err := payload.Decode(r.Body)
	if err != nil {
		body = text
	}
	return payload.OfObject([]payload.Member{
		{Name: "status", Value: payload.OfInt(int64(r.Status))},
		{Name: "headers", Value: payload.OfObject(headers)},
		{Name: "body", Value: body},
		{Name: "text", Value: text},
	})
}

// callPlan is a call as the file has it.
type callPlan struct {
	method  string
	url     template
	headers []templateMember
	body    template
	run     []template
	tls     *source.TLS
	oauth   *OAuth
}

// Begins is the call that a scenario begins with, for one fresh id and one case;
// nil where it begins with messages.
func (s *Scenario) Begins(id string, kase Case) (*Call, error) {
	if s.call == nil {
		return nil, nil
	}
	return s.call.make(scenarioFrame(id, kase.value))
}

// HealCalled is how a probe's mark says that it called the scenario's heal.
const HealCalled = "heal was called"

// Heal is the call that makes the system take again what it dead-lettered; nil
// where the file has none.
func (s *Scenario) Heal(id string, kase Case) (*Call, error) {
	if s.heal == nil {
		return nil, nil
	}
	return s.heal.make(scenarioFrame(id, kase.value))
}

// Hook is a call of the file's hooks; nil where it has none of that name.
func (f *Flow) Hook(name string) (*Call, error) {
	plan := f.hooks[name]
	if plan == nil {
		return nil, nil
	}
	return plan.make(scenarioFrame("", payload.Value{}))
}

// Replied are the ids of the chain that a call has begun, and what is expected of
// it.
func (s *Scenario) Replied(f *Flow, id string, kase Case, reply *Reply) (Trigger, error) {
	t := Trigger{IDs: map[string]string{}}
	if s.Outcome >= 0 {
		t.Outcome = f.Outcomes[s.Outcome].Name
	}
	frame := scenarioFrame(id, kase.value)
	frame.Names = append(frame.Names, reply.value())
	for i := range s.ids {
		name, v, err := s.ids[i].eval(frame)
		switch {
		case err != nil:
			return t, fmt.Errorf("scenario %q: ids: %w", s.Name, err)
		case v.IsNil() || payload.Plain(v) == "":
			return t, fmt.Errorf("scenario %q: the reply has no id %s", s.Name, name)
		}
		t.IDs[name] = payload.Plain(v)
	}
	return t, nil
}

func (p *callPlan) make(frame *expression.Frame) (*Call, error) {
	c := &Call{Method: p.method, TLS: p.tls, OAuth: p.oauth}
	for i := range p.run {
		v, err := p.run[i].eval(frame)
		if err != nil {
			return nil, err
		}
		c.Run = append(c.Run, payload.Plain(v))
	}
	if len(c.Run) > 0 {
		return c, nil
	}
	v, err := p.url.eval(frame)
	if err != nil {
		return nil, err
	}
	c.URL = payload.Plain(v)
	for i := range p.headers {
		name, v, err := p.headers[i].eval(frame)
		if err != nil {
			return nil, err
		}
		c.Headers = append(c.Headers, CallHeader{name, payload.Plain(v)})
	}
	if !p.body.set {
		return c, nil
	}
	if v, err = p.body.eval(frame); err != nil {
		return nil, err
	}
	if v.Kind() == payload.String {
		c.Body = []byte(v.Text())
		return c, nil
	}
	c.Body = payload.AppendJSON(nil, v)
	c.Headers = append([]CallHeader{{"content-type", "application/json"}}, c.Headers...)
	return c, nil
}
