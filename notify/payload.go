package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

// object is a JSON object.
type object = map[string]any

// payload is what a target of the kind is sent.
func (t *Target) payload(a *Alert) ([]byte, error) {
	switch t.Kind {
	case "slack":
		return json.Marshal(slack(a))
	case "teams":
		return json.Marshal(teams(a))
	case "pagerduty":
		return json.Marshal(pagerduty(a, t.Key))
	default:
		return json.Marshal(plain(a))
	}
}

// title says an alert in a line.
func (a *Alert) title() string {
	what := a.Flow
	if a.Kind != "" {
		what += ": " + a.Kind
	}
	switch a.State {
	case Resolved:
		if a.All <= 0 {
			return what + ": over, all of it was taken back"
		}
		return fmt.Sprintf("%s: quiet again after %s", what, plural(a.All, "finding"))
	case Again:
		return fmt.Sprintf("%s: still failing, %s more", what, plural(a.New, "finding"))
	default:
		return fmt.Sprintf("%s: %s in %s", what, plural(a.New, "finding"), plural(a.Chains, "chain"))
	}
}

// kinds are the new findings by kind, the most first.
func (a *Alert) kinds() string {
	names := slices.SortedFunc(maps.Keys(a.Kinds), func(x, y string) int { return cmp.Or(a.Kinds[y]-a.Kinds[x], strings.Compare(x, y)) })
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", a.Kinds[name], name)
	}
	return strings.Join(parts, ", ")
}

// lines are the examples, a line each.
func (a *Alert) lines() []string {
	var all []string
	for i := range a.Examples {
		e := &a.Examples[i]
		line := cmp.Or(e.Kind, "unknown")
		if e.Chain != "" {
			line += ", chain " + cut(e.Chain, 80)
		}
		all = append(all, line+": "+cut(cmp.Or(e.Text, e.Reason), 300))
	}
	return all
}

func (a *Alert) held() string {
	if a.Held == 0 {
		return ""
	}
	return fmt.Sprintf("Before this, %s held back by the limit.", plural(a.Held, "notification"))
}

func (a *Alert) link(r *shadow.Record) string {
	if a.Page == "" {
		return ""
	}
	if r == nil {
		return a.Page + "/"
	}
	return a.Page + "/finding/" + r.ID
}

// plain is flowcheck's own form: for webhooks, and a line of a file.
func plain(a *Alert) object {
	examples := []object{}
	for i := range a.Examples {
		e := &a.Examples[i]
		one := object{"id": e.ID, "time": e.Time.UTC().Format(time.RFC3339Nano), "kind": cmp.Or(e.Kind, "unknown"), "text": cut(cmp.Or(e.Text, e.Reason), 1000)}
		for name, value := range map[string]string{"chain": e.Chain, "step": e.Step, "rule": e.Rule, "link": a.link(e)} {
			if value != "" {
				one[name] = cut(value, 500)
			}
		}
		examples = append(examples, one)
	}
	o := object{
		"flowcheck": "alert/1", "state": a.State, "key": a.Key, "flow": a.Flow, "title": a.title(),
		"since": a.Since.UTC().Format(time.RFC3339Nano), "at": a.At.UTC().Format(time.RFC3339Nano),
		"new": a.New, "all": max(0, a.All), "chains": a.Chains, "kinds": a.Kinds, "examples": examples,
	}
	if a.Kind != "" {
		o["kind"] = a.Kind
	}
	if a.Held > 0 {
		o["held"] = a.Held
	}
	if link := a.link(nil); link != "" {
		o["link"] = link
	}
	return o
}

// slackText escapes what Slack reads as a mention or a link.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slack is for an incoming webhook. Texts of messages are plain text, so that they
// can mention nobody.
func slack(a *Alert) object {
	mark := ":red_circle:"
	if a.State == Resolved {
		mark = ":large_green_circle:"
	}
	blocks := []object{{"type": "section", "text": object{"type": "mrkdwn", "text": mark + " *" + slackText.Replace(strings.ReplaceAll(cut(a.title(), 300), "*", "∗")) + "*"}}}
	lines := a.lines()
	if len(lines) > 0 {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "plain_text", "emoji": false, "text": cut(a.kinds()+"\n"+strings.Join(lines, "\n"), 2900)}})
	}
	if held := a.held(); held != "" {
		blocks = append(blocks, object{"type": "context", "elements": []object{{"type": "plain_text", "text": held}}})
	}
	if link := a.link(nil); link != "" {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "mrkdwn", "text": "<" + link + "|Open flowcheck>"}})
	}
	return object{"text": slackText.Replace(cut(a.title(), 300)), "blocks": blocks, "unfurl_links": false}
}

// teams is an Adaptive Card, for a webhook of a Teams workflow. Texts are runs of
// a rich text, which are not read as Markdown.
func teams(a *Alert) object {
	color := "Attention"
	if a.State == Resolved {
		color = "Good"
	}
	run := func(text string, more object) object {
		r := object{"type": "TextRun", "text": text}
		maps.Copy(r, more)
		return object{"type": "RichTextBlock", "inlines": []object{r}}
	}
	body := []object{run(cut(a.title(), 300), object{"weight": "Bolder", "size": "Medium", "color": color})}
	if kinds := a.kinds(); kinds != "" {
		body = append(body, run(kinds, object{"isSubtle": true}))
	}
	for _, line := range a.lines() {
		body = append(body, run(line, nil))
	}
	if held := a.held(); held != "" {
		body = append(body, run(held, object{"isSubtle": true}))
	}
	card := object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	if link := a.link(nil); link != "" {
		card["actions"] = []object{{"type": "Action.OpenUrl", "title": "Open flowcheck", "url": link}}
	}
	return object{"type": "message", "attachments": []object{{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card}}}
}

// pagerduty is an event of the Events API v2: an alert that comes again belongs to
// the incident that there is, and its end resolves it.
func pagerduty(a *Alert, key string) object {
	o := object{"routing_key": key, "event_action": "trigger", "dedup_key": a.Key, "client": "flowcheck"}
	if a.State == Resolved {
		o["event_action"] = "resolve"
		return o
	}
	details := object{"new": a.New, "all": a.All, "chains": a.Chains, "kinds": a.kinds(), "examples": a.lines()}
	if held := a.held(); held != "" {
		details["held"] = held
	}
	o["payload"] = object{
		"summary": cut(a.title(), 1000), "source": "flowcheck", "severity": "error", "timestamp": a.Since.UTC().Format(time.RFC3339),
		"component": a.Flow, "group": a.Flow, "class": cmp.Or(a.Kind, "findings"), "custom_details": details,
	}
	if link := a.link(nil); link != "" {
		o["client_url"] = link
	}
	return o
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// cut cuts a text to so many bytes at most, between characters, on one line each.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
