package console

import (
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/report"
	"github.com/flowcheck/flowcheck/shadow"
)

// findingView is a finding or an unknown with its chain. Its texts come from
// messages: the template escapes them.
type findingView struct {
	Title, Verdict, Kind, Flow, ID, Time, Chain, IDs string
	Step, Rule, Text, Expected, Actual, Note         string
	Evidence                                         []string
	Sequence                                         template.HTML // by report.Sequence, which escapes
	Messages                                         []messageView
}

type messageView struct {
	Step, Place, Time, After, Note string
	Marked, Found                  bool
	Key, Payload                   string
	Headers                        []headerView
}

type headerView struct{ Name, Value string }

// The bounds of what the page of a finding shows of a message, in bytes and in
// headers.
const (
	maxPayload = 8 << 10
	maxHeaders = 50
	maxText    = 4 << 10
)

func (c *Console) getFinding(w http.ResponseWriter, r *http.Request) {
	record, ok := c.history.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "this finding is not among the last ones, or was taken back; the findings file has them all", http.StatusNotFound)
		return
	}
	v, err := c.findingView(&record)
	if err != nil {
		c.cfg.Log.Error("a finding cannot be shown", "id", record.ID, "error", err)
		http.Error(w, "the chain cannot be read", http.StatusInternalServerError)
		return
	}
	c.show(w, http.StatusOK, "finding.html", v)
}

func (c *Console) findingView(r *shadow.Record) (*findingView, error) {
	v := &findingView{
		Verdict: "fail", Kind: r.Kind, Flow: r.Flow, ID: r.ID, Time: clock(r.Time), Chain: text(r.Chain), IDs: idsText(r.IDs),
		Step: text(r.Step), Rule: text(r.Rule), Text: text(r.Text), Expected: text(r.Expected), Actual: text(r.Actual),
	}
	if r.Event == shadow.EventUnknown {
		v.Verdict, v.Kind, v.Text = "unknown", "unknown", text(r.Reason)
	}
	v.Title = cut(v.Kind+": "+v.Chain, 80)
	marked := map[flows.Evidence]bool{}
	for _, p := range r.Evidence {
		v.Evidence = append(v.Evidence, text(p.Channel+" "+p.Position))
		marked[p.Evidence()] = true
	}
	var err error
	if v.Sequence, err = report.Sequence(momentsOf(r.Timeline), marked); err != nil {
		return nil, err
	}
	found, note := c.messages(r)
	v.Note = note
	for i := range r.Timeline {
		m := &r.Timeline[i]
		mv := messageView{
			Step: text(m.Step), Place: text(m.Channel + " " + m.Position), Time: clock(m.Time), Note: text(m.Note),
			After: "+" + m.Time.Sub(r.Timeline[0].Time).String(), Marked: marked[m.Place.Evidence()],
		}
		if mv.Step == "" {
			mv.Step = "no step"
		}
		if o := found[m.Place]; o != nil {
			mv.fill(o)
		}
		v.Messages = append(v.Messages, mv)
	}
	return v, nil
}

// messages are the chain's in the state folder, and why some are not there.
func (c *Console) messages(r *shadow.Record) (map[shadow.Place]*message.Observation, string) {
	if c.cfg.State == "" {
		return nil, "Without --state, what was in them is not kept."
	}
	places := make([]shadow.Place, len(r.Timeline))
	for i := range r.Timeline {
		places[i] = r.Timeline[i].Place
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	found, err := shadow.Messages(c.cfg.State, r.Flow, places)
	switch {
	case err != nil:
		c.cfg.Log.Warn("the messages of a chain cannot be read", "error", err)
		return found, "What was in them cannot be read."
	case len(found) < len(places):
		return found, "Some are not kept any more: --record-last keeps them for longer."
	default:
		return found, ""
	}
}

func (v *messageView) fill(o *message.Observation) {
	v.Found = true
	v.Key = cut(report.Clean(string(o.Key)), maxText)
	for i, h := range o.Headers {
		if i == maxHeaders {
			v.Headers = append(v.Headers, headerView{"…", fmt.Sprintf("and %d more", len(o.Headers)-i)})
			break
		}
		v.Headers = append(v.Headers, headerView{text(h.Name), cut(headerText(h.Name, h.Value), maxText)})
	}
	switch {
	case o.Payload == nil:
		v.Payload = "(a tombstone)"
	default:
		v.Payload = cut(report.Payload(o.Payload), maxPayload)
	}
}

// headerText is a header's value; that of one that is named like a secret is hidden.
func headerText(name string, value any) string {
	if report.Secret(name) {
		return "(hidden)"
	}
	if b, ok := value.([]byte); ok && !utf8.Valid(b) {
		return fmt.Sprintf("%x", b)
	}
	return report.Clean(valueText(value))
}

func valueText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// momentsOf are a record's, as reports have them.
func momentsOf(all []shadow.Moment) []flows.Moment {
	moments := make([]flows.Moment, len(all))
	for i := range all {
		m := &all[i]
		at := correlate.InstantOf(m.Time)
		moments[i] = flows.Moment{Channel: m.Channel, Step: m.Step, Position: m.Place.Evidence().Position, Time: at, Seen: at, Note: m.Note}
	}
	return moments
}

func text(s string) string { return cut(report.Clean(s), maxText) }

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

func idsText(ids map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		all = append(all, text(name)+" = "+text(ids[name]))
	}
	return strings.Join(all, ", ")
}
