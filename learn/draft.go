package learn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/infer"
)

// draft is a flow file in the making. Each part has its evidence.
type draft struct {
	flow     string
	notes    []string // above all
	timeout  string
	brokers  []draftBroker
	channels []*draftChannel
	ids      []draftID
	steps    []*draftStep
	outcomes []*draftOutcome
	rules    []*draftRule
}

type draftBroker struct{ name, url string }

type draftChannel struct {
	name, broker, address string
	deadLetters           string // the origin's channel
	copy                  string
	redeliveries          bool
	because               []string
}

type draftID struct{ name, expr, because string }

type draftStep struct {
	name, channel, when string
	after               []string
	within, count       string
	optional            bool
	checks              []draftCheck
	because             []string
}

type draftCheck struct{ check, because string }

type draftOutcome struct {
	name    string
	steps   []string
	because string
}

// draftRule is a rule by its kind; text is what stands within its braces.
type draftRule struct{ kind, name, text, because string }

// render writes the flow file.
func (d *draft) render() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, n := range d.notes {
		line("# %s", comment(n))
	}
	line("flowcheck: 1")
	line("flow: %s", d.flow)
	if d.timeout != "" {
		line("timeout: %s", d.timeout)
	}
	line("\nbrokers:")
	for _, br := range d.brokers {
		line("  %s: %s", br.name, br.url)
	}
	line("\nchannels:")
	for _, c := range d.channels {
		d.renderChannel(line, c)
	}
	line("\ncorrelate:")
	for _, id := range d.ids {
		evidence(line, "  ", []string{id.because})
		line("  %s: %s", id.name, plain(id.expr))
	}
	line("\nsteps:")
	for _, s := range d.steps {
		d.renderStep(line, s)
	}
	if len(d.outcomes) > 0 {
		line("\noutcomes:")
	}
	for _, o := range d.outcomes {
		line("  %s: [ %s ]%s", o.name, strings.Join(o.steps, ", "), trailing(o.because))
	}
	if len(d.rules) > 0 {
		line("\nrules:")
	}
	for _, r := range d.rules {
		evidence(line, "  ", []string{r.because})
		line("  - %s: { %s, name: %s }", r.kind, r.text, infer.Quote(r.name))
	}
	return b.String()
}

func (d *draft) renderChannel(line func(string, ...any), c *draftChannel) {
	evidence(line, "  ", c.because)
	extra := ""
	if c.deadLetters != "" {
		extra += ", dead-letters: " + c.deadLetters
	}
	if c.copy != "" {
		extra += ", copy: " + c.copy
	}
	if c.redeliveries {
		extra += ", redeliveries: allow"
	}
	line("  %s: { broker: %s, %s%s }", c.name, c.broker, c.address, extra)
}

func (d *draft) renderStep(line func(string, ...any), s *draftStep) {
	evidence(line, "  ", s.because)
	line("  %s:", s.name)
	line("    channel: %s", s.channel)
	if s.when != "" {
		line("    when: %s", plain(s.when))
	}
	switch len(s.after) {
	case 0:
	case 1:
		line("    after: %s", s.after[0])
	default:
		line("    after: [ %s ]", strings.Join(s.after, ", "))
	}
	if s.within != "" {
		line("    within: %s", s.within)
	}
	if s.count != "" {
		line("    count: %s", s.count)
	}
	if s.optional {
		line("    optional: true")
	}
	if len(s.checks) > 0 {
		line("    check:")
	}
	for _, c := range s.checks {
		line("      - %s%s", plain(c.check), trailing(c.because))
	}
}

func evidence(line func(string, ...any), indent string, all []string) {
	for _, e := range all {
		if e != "" {
			line("%s# %s", indent, comment(e))
		}
	}
}

func trailing(because string) string {
	if because == "" {
		return ""
	}
	return "    # " + comment(because)
}

// comment is text on one line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// plain writes an expression as a value of its own line.
func plain(expr string) string {
	if strings.ContainsAny(expr, "#") || strings.Contains(expr, ": ") || strings.HasPrefix(expr, `"`) || strings.ContainsAny(expr[:1], "!&*[{|>'%@`") || strings.HasSuffix(expr, ":") {
		return "'" + strings.ReplaceAll(expr, "'", "''") + "'"
	}
	return expr
}

func (d *draft) channel(name string) *draftChannel {
	i := slices.IndexFunc(d.channels, func(c *draftChannel) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return d.channels[i]
}

func (d *draft) step(name string) *draftStep {
	i := slices.IndexFunc(d.steps, func(s *draftStep) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return d.steps[i]
}

func (l *lesson) render() string { return l.draft.render() }
