package flows

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/expression"
	"github.com/flowcheck/flowcheck/flows/source"
)

func (c *compiler) compileBrokers() {
	for _, b := range c.file.Brokers {
		broker := Broker{
			Name: b.Name.Value, At: b.Name.Pos, URL: c.needed(b.URL), TLS: c.tls(b.TLS),
			Endpoint: c.text(b.Endpoint), Management: c.text(b.Management),
			Username: c.text(b.Username), Password: c.text(b.Password), SASL: c.sasl(b.SASL),
			AWS: AWS{
				Profile: c.text(b.Profile), RoleARN: c.text(b.RoleARN), ExternalID: c.text(b.ExternalID),
				WebIdentityTokenFile: c.text(b.WebIdentityTokenFile),
			},
		}
		if broker.Username != "" && broker.Password == "" && strings.Contains(b.Password.Value, "${") {
			c.needed(b.Password) // tells that the variable is not set
		}
		if url, ok := c.opts.Brokers[broker.Name]; ok {
			broker.URL = url
		}
		broker.Proxy, broker.ProxyTo = c.text(b.Proxy), c.text(b.ProxyTo)
		broker.Lacking, c.lacking = c.lacking, false
		c.flow.Brokers = append(c.flow.Brokers, broker)
	}
}

// sasl evaluates the texts of a broker's sasl.
func (c *compiler) sasl(from *source.SASL) SASL {
	if from == nil {
		return SASL{}
	}
	return SASL{
		Mechanism: c.text(from.Mechanism), TokenURL: c.text(from.TokenURL), ClientID: c.text(from.ClientID),
		ClientSecret: c.text(from.ClientSecret), Token: c.text(from.Token), Region: c.text(from.Region),
		Service: c.text(from.Service), Realm: c.text(from.Realm), Config: c.text(from.Config), Keytab: c.text(from.Keytab),
		Scopes: c.texts(from.Scopes),
	}
}

// tls evaluates the texts of a broker's tls.
// tls has the paths of its files from the folder of the flow file.
func (c *compiler) tls(from *source.TLS) *source.TLS {
	if from == nil {
		return nil
	}
	t := *from
	for _, text := range []*source.Text{&t.CA, &t.Cert, &t.Key, &t.ServerName} {
		text.Value = c.text(*text)
	}
	for _, file := range []*source.Text{&t.CA, &t.Cert, &t.Key} {
		if file.Value != "" && !filepath.IsAbs(file.Value) {
			file.Value = filepath.Join(filepath.Dir(file.Pos.File), filepath.FromSlash(file.Value))
		}
	}
	return &t
}

func (c *compiler) brokerIndex(name string) int {
	for i := range c.flow.Brokers {
		if c.flow.Brokers[i].Name == name {
			return i
		}
	}
	return -1
}

// nameChannels gives each channel its index, so that others can refer to it.
func (c *compiler) nameChannels() {
	c.channels = map[string]int{}
	c.flow.Channels = make([]Channel, len(c.file.Channels))
	for i, ch := range c.file.Channels {
		c.channels[ch.Name.Value] = i
		c.flow.Channels[i].Name, c.flow.Channels[i].At = ch.Name.Value, ch.Name.Pos
		c.slots = append(c.slots, newSlotTable())
	}
}

// channelIndex is the index of a channel whose name may have to be evaluated.
func (c *compiler) channelIndex(name source.Text) int {
	i, ok := c.channels[name.Value]
	if ok || !strings.Contains(name.Value, "${") {
		return i // names that do not exist have been told by package source
	}
	if i, ok = c.channels[c.text(name)]; !ok {
		c.fail(name.Pos, "%s names no channel", name.Value)
	}
	return i
}

func (c *compiler) compileChannels() {
	for i := range c.file.Channels {
		c.compileChannel(&c.file.Channels[i], &c.flow.Channels[i])
	}
}

func (c *compiler) compileChannel(from *source.Channel, to *Channel) {
	to.Broker = max(0, c.brokerIndex(from.Broker.Value))
	to.Topic, to.Exchange, to.Queue = c.needed(from.Topic), c.text(from.Exchange), c.needed(from.Queue)
	to.Stream, to.SNS, to.SQS = c.needed(from.Stream), c.needed(from.SNS), c.needed(from.SQS)
	to.RoutingKeys, to.Consumers = c.texts(from.RoutingKeys), c.texts(from.Consumers)
	to.Path, to.Method, to.Query = c.needed(from.Path), c.text(from.Method), c.needed(from.Query)
	to.RowKeys, to.Every, to.Answers = c.texts(from.RowKeys), c.duration(from.Every, 0), c.answers(from.Answers)
	to.Lacking, c.lacking = c.lacking, false
	to.Firehose, to.Intrusive = from.Tap.Value == "firehose", from.Intrusive
	to.Only, to.Purgeable = from.Only, from.Own
	to.DeadLetters, to.Retries = c.channelRefs(from.DeadLetters), c.channelRefs(from.Retries)
	switch from.Copy.Value {
	case "body":
		to.Copy = CopyBody
	case "none":
		to.Copy = CopyNone
	}
	switch from.Redeliveries.Value {
	case "allow":
		to.Redeliveries = RedeliveriesAllow
	case "same-id":
		to.Redeliveries = RedeliveriesSameID
	}
	to.Envelope = from.Envelope.Kind == source.Bool && from.Envelope.Text.Value == "true"
	if from.Reply {
		c.compileReply(to)
	}
	c.compileIntake(from, to)
}

// compileReply names where the replies go: a queue that is there for this run
// alone, or a topic.
func (c *compiler) compileReply(to *Channel) {
	if to.Reply = to.Topic; to.Reply != "" || to.Lacking {
		return
	}
	to.Own = true
	token := "run"
	if c.opts.UUID != nil {
		token = c.opts.UUID()
	}
	to.Reply = "flowcheck-reply-" + token
}

func (c *compiler) texts(all []source.Text) []string {
	var values []string
	for _, t := range all {
		values = append(values, c.text(t))
	}
	return values
}

// channelRefs are the indices of named channels. Names that do not exist have
// been told by package source.
func (c *compiler) channelRefs(names []source.Text) []int {
	var refs []int
	for _, n := range names {
		if i, ok := c.channels[n.Value]; ok {
			refs = append(refs, i)
		}
	}
	return refs
}

func (c *compiler) compileCorrelate() {
	for _, id := range c.file.Correlate {
		c.flow.IDs = append(c.flow.IDs, IDName{Name: id.Name.Value, Ties: id.Ties})
	}
}

func (c *compiler) nameSteps() {
	c.steps = map[string]int{}
	c.flow.Steps = make([]Step, len(c.file.Steps))
	for i, s := range c.file.Steps {
		c.steps[s.Name.Value] = i
		step := &c.flow.Steps[i]
		step.Name, step.Optional, step.Counted = s.Name.Value, s.Optional, s.Count.IsSet()
		step.Repeatable = s.Repeatable
		step.Channel = c.channelIndex(s.Channel)
		step.Min, step.Max, step.text = 1, 1, s.Count.Text.Value
		if step.Counted {
			step.Min, step.Max = s.Count.Min, s.Count.Max
		}
	}
}

func (c *compiler) compileSteps() {
	for i, s := range c.file.Steps {
		step := &c.flow.Steps[i]
		step.Within = c.duration(s.Within, 0)
		for _, after := range s.After {
			if j, ok := c.steps[after.Value]; ok {
				step.After = append(step.After, j)
			}
		}
		if s.Count.Expr.IsSet() {
			step.count = c.chainProgram(s.Count.Expr, c.chainScope(false), -1)
		}
		for _, check := range s.Check {
			if p := c.chainProgram(check, c.chainScope(true), i); p != nil {
				step.checks = append(step.checks, p)
			}
		}
	}
}

// chainProgram compiles an expression that is judged at the close; own is the
// step that it is about, -1 for none.
func (c *compiler) chainProgram(t source.Text, scope *expression.Scope, own int) *program {
	expr := c.parse(t, scope)
	if expr == nil {
		return nil
	}
	p := &program{source: t.Value}
	for _, ref := range expr.Steps {
		if int(ref) != own && ref != expression.Own {
			p.needs = append(p.needs, int(ref))
		}
	}
	p.Program = expr.Compile(func(ref expression.Ref, field expression.Field) int {
		if ref == expression.Own {
			ref = expression.Ref(own)
		}
		return c.retain(int(ref), field)
	})
	return p
}

// retain gives a field of a step's message a slot that is kept to the close.
func (c *compiler) retain(step int, field expression.Field) int {
	s := &c.flow.Steps[step]
	slot := c.slots[s.Channel].slot(field)
	for i, have := range s.retained {
		if have == slot {
			return i
		}
	}
	s.retained = append(s.retained, slot)
	return len(s.retained) - 1
}

func (c *compiler) compileOutcomes() {
	c.outcomes = map[string]int{}
	if len(c.file.Outcomes) == 0 {
		all := Outcome{}
		for i := range c.flow.Steps {
			all.Steps = append(all.Steps, i)
		}
		c.flow.Outcomes = []Outcome{all}
	}
	for i, o := range c.file.Outcomes {
		if i == maxOutcomes {
			c.fail(o.Name.Pos, "more than %d outcomes", maxOutcomes)
			return
		}
		c.outcomes[o.Name.Value] = i
		outcome := Outcome{Name: o.Name.Value}
		for _, name := range o.Steps {
			if j, ok := c.steps[name.Value]; ok {
				outcome.Steps = append(outcome.Steps, j)
			}
		}
		for _, check := range o.Check {
			if p := c.chainProgram(check, c.chainScope(false), -1); p != nil {
				outcome.checks = append(outcome.checks, p)
			}
		}
		c.flow.Outcomes = append(c.flow.Outcomes, outcome)
	}
	c.enrol()
}

// enrol tells each step its outcomes, and each outcome what it may have.
func (c *compiler) enrol() {
	for i, o := range c.flow.Outcomes {
		for _, s := range o.Steps {
			c.flow.Steps[s].outcomes |= 1 << i
		}
	}
	for i := range c.flow.Steps {
		s := &c.flow.Steps[i]
		s.fits = s.Optional && s.outcomes == 0
	}
	for i := range c.flow.Outcomes {
		o := &c.flow.Outcomes[i]
		o.members = slices.Clone(o.Steps)
		for s := range c.flow.Steps {
			if c.flow.Steps[s].fits {
				o.members = append(o.members, s)
			}
		}
	}
}

// compileMasks reads the paths of mask:.
func (c *compiler) compileMasks() {
	for _, t := range c.file.Mask {
		expr := c.parse(t, &expression.Scope{Own: true})
		if expr == nil {
			continue
		}
		if len(expr.Uses) != 1 || expr.Uses[0].Field.String() != t.Value {
			c.fail(t.Pos, "%q is no path to mask: write body.card.number, headers[\"authorization\"] or key", t.Value)
			continue
		}
		c.compileMask(t, expr.Uses[0].Field)
	}
}

func (c *compiler) compileMask(t source.Text, field expression.Field) {
	m := Mask{}
	switch {
	case field.Source == expression.Key:
		m.Key = true
	case field.Source == expression.Headers && len(field.Path) == 1:
		m.Header = field.Path[0].Name
	case field.Source == expression.Body && len(field.Path) > 0:
		for _, e := range field.Path {
			if e.IsIndex {
				c.fail(t.Pos, "a mask takes a whole list: leave the index out")
				return
			}
			m.Path = append(m.Path, e.Name)
		}
	default:
		c.fail(t.Pos, "%q cannot be masked: a body path, a header or the key can", t.Value)
		return
	}
	c.flow.Mask = append(c.flow.Mask, m)
}
