package compare_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const flowFile = `
flowcheck: 1
flow: shop
noise: [ mailed.body.sentAt, 'headers["x-host"]' ]
brokers: { b: "memory://x" }
channels:
  orders: { broker: b, topic: orders }
  ships:  { broker: b, topic: ships }
  mails:  { broker: b, topic: mails }
  dead:   { broker: b, topic: dead, dead-letters: ships }
correlate: { order: body.order, ship: body.ship }
steps:
  placed:  { channel: orders }
  shipped: { channel: ships, after: placed, count: ">=1" }
  mailed:  { channel: mails, after: placed }
outcomes: { done: [ placed, shipped, mailed ], short: [ placed, shipped ] }
`

func loadFlow(t *testing.T) *flows.Flow {
	t.Helper()
	f, errs := flows.Load("flow.yaml", []byte(flowFile), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return f
}

// line is a message: its channel, milliseconds, and the rest of the JSON line.
func line(channel string, ms int, rest string) string {
	return fmt.Sprintf(`{"channel":%q,"time":"2026-11-22T10:00:00.%03dZ","seen":"2026-11-22T10:00:00.%03dZ",%s}`, channel, ms, ms, rest)
}

// chainsOf reads lines into a set, and returns it with its chains.
func chainsOf(t *testing.T, f *flows.Flow, names *compare.Names, lines ...string) *compare.Set {
	t.Helper()
	set := compare.NewSet(f, names)
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Judged: set.Judged})
	head := `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}`
	end := `{"mark":"end","seen":"2026-11-22T11:00:00Z"}`
	r, err := message.NewReader(strings.NewReader(head + "\n" + strings.Join(lines, "\n") + "\n" + end + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Observation != nil {
			set.Take(e.Observation)
		}
		audit.Add(e)
	}
	audit.Result()
	return set
}

// spell writes differences in short.
func spell(all []compare.Difference) string {
	var out []string
	for _, d := range all {
		place := d.Step
		if place == "" {
			place = d.Channel
		}
		s := strings.TrimSpace(string(d.What) + " " + place)
		if d.What != compare.Content {
			s += ": " + d.Was + " → " + d.Now
		}
		for _, c := range d.Changes {
			s += fmt.Sprintf(" %s: %s → %s", c.Path, c.Was, c.Now)
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

func order(id string) []string {
	return []string{
		line("orders", 1, `"position":"0@1","key":"`+id+`","body":{"order":"`+id+`","total":10}`),
		line("ships", 50, `"position":"0@1","body":{"order":"`+id+`","ship":"s-`+id+`","sku":"A"}`),
		line("ships", 60, `"position":"0@2","body":{"order":"`+id+`","ship":"t-`+id+`","sku":"B"}`),
		line("mails", 100, `"position":"0@1","headers":[["x-host","h1"],["traceparent","00-1"]],"body":{"order":"`+id+`","to":"mail of `+id+`","sentAt":1}`),
	}
}

// TestDifferences: each change of the second run is told, and nothing else.
func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(lines []string) []string
		want   string
	}{
		{"nothing but fresh ids, named noise and traces", func(l []string) []string {
			l[3] = strings.NewReplacer(`"sentAt":1`, `"sentAt":2`, "h1", "h2", "00-1", "00-2").Replace(l[3])
			return l
		}, ""},
		{"a number spelt otherwise", func(l []string) []string {
			l[0] = strings.Replace(l[0], `10}`, `10.0}`, 1)
			return l
		}, ""},
		{"members in another order", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"order":"p-2","total":10`, `"total":10,"order":"p-2"`, 1)
			return l
		}, ""},
		{"a member twice: the last counts", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"total":10`, `"total":9,"total":10`, 1)
			return l
		}, ""},
		{"a member twice: the last differs", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"total":10`, `"total":10,"total":9`, 1)
			return l
		}, `content placed body.total: 10 → 9`},
		{"a member at the end", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"total":10`, `"total":10,"a":1`, 1)
			return l
		}, `content placed body.a:  → 1`},
		{"a field", func(l []string) []string {
			l[3] = strings.Replace(l[3], `"to":"mail of`, `"cc":true,"to":"letter of`, 1)
			return l
		}, `content mailed body.cc:  → true body.to: "mail of o-1" → "letter of p-2"`},
		{"the key", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"key":"p-2"`, `"key":"other"`, 1)
			return l
		}, `content placed key: "o-1" → "other"`},
		{
			"a message less of a counted step", func(l []string) []string { return append(l[:1], l[2:]...) },
			"missing shipped: twice → once",
		},
		{"a message more", func(l []string) []string {
			return append(l, line("ships", 70, `"position":"0@3","body":{"order":"p-2","ship":"u","sku":"C"}`))
		}, "extra shipped: twice → 3 times"},
		{"one of several", func(l []string) []string {
			l[1] = strings.Replace(l[1], `"sku":"A"`, `"sku":"Z"`, 1)
			return l
		}, `content shipped body.sku: "A" → "Z"`},
		{
			"an outcome", func(l []string) []string { return l[:3] },
			"outcome: done → short\nmissing mailed: once → never",
		},
		{"a dead letter", func(l []string) []string {
			return append(l, line("dead", 200, `"position":"0@1","body":{"order":"p-2"}`))
		}, "extra dead: never → once"},
		{"an order", func(l []string) []string {
			l[3] = strings.ReplaceAll(l[3], "00.100Z", "00.020Z")
			return l
		}, "order mailed: shipped before mailed → mailed before shipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, names := loadFlow(t), compare.NewNames()
			was := chainsOf(t, f, names, order("o-1")...)
			now := chainsOf(t, f, names, c.change(order("p-2"))...)
			got := spell(compare.New(f).Chains(&was.Chains()[0], &now.Chains()[0], nil))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNamesThatGrow: a message is taken apart by the paths that there are by now.
func TestNamesThatGrow(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	for _, member := range []string{"m", "z", "a"} {
		set := chainsOf(t, f, names, line("orders", 1, `"body":{"order":"o-1","`+member+`":1}`))
		want := []compare.Field{{Path: "body." + member, Value: "1"}, {Path: "body.order", Value: `"o-1"`}}
		slices.SortFunc(want, func(a, b compare.Field) int { return strings.Compare(a.Path, b.Path) })
		if got := set.Fields(1); !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
	}
}

// TestNoise: what differs between two runs of one trigger is noise; what is
// equal in both never is.
func TestNoise(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	run := func(code, status string) *compare.Chain {
		l := order("o-1")
		l[3] = strings.Replace(l[3], `"to":`, `"code":"`+code+`","status":"`+status+`","to":`, 1)
		return &chainsOf(t, f, names, l...).Chains()[0]
	}
	c := compare.New(f)
	noise := c.Learn(run("x1", "ok"), run("x2", "ok"))
	got := spell(c.Chains(run("x1", "ok"), run("x3", "bad"), noise))
	if want := `content mailed body.status: "ok" → "bad"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := c.Ignored()[compare.Ignored{Step: "mailed", Path: "body.code", Why: "learnt"}]; n != 1 {
		t.Errorf("ignored: %v", c.Ignored())
	}
	more := c.Learn(run("x1", "ok"), run("x1", "bad"))
	noise.Merge(more)
	if got := spell(c.Chains(run("x1", "ok"), run("x3", "bad"), noise)); got != "" {
		t.Errorf("a field that varied in two other runs is noise, too: %s", got)
	}
}

// TestNoiseOfCountedSteps: a field is noise only if no message of the step says
// that it is steady.
func TestNoiseOfCountedSteps(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	run := func(first, second string) *compare.Chain {
		l := order("o-1")
		l[1] = strings.Replace(l[1], `"sku":"A"`, `"sku":"A","at":`+first, 1)
		l[2] = strings.Replace(l[2], `"sku":"B"`, `"sku":"B","at":`+second, 1)
		return &chainsOf(t, f, names, l...).Chains()[0]
	}
	c := compare.New(f)
	both, one := c.Learn(run("1", "2"), run("3", "4")), c.Learn(run("1", "2"), run("3", "2"))
	if got := spell(c.Chains(run("1", "2"), run("7", "8"), both)); got != "" {
		t.Errorf("noise in both messages: %s", got)
	}
	got := spell(c.Chains(run("1", "2"), run("1", "8"), one))
	if want := "content shipped body.at: 2 → 8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestOrderIsLearnt: two steps that change places between two runs race.
func TestOrderIsLearnt(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	early := order("o-1")
	early[3] = strings.ReplaceAll(early[3], "00.100Z", "00.020Z")
	late := &chainsOf(t, f, names, order("o-1")...).Chains()[0]
	soon := &chainsOf(t, f, names, early...).Chains()[0]
	c := compare.New(f)
	if got := spell(c.Chains(late, soon, c.Learn(soon, late))); got != "" {
		t.Errorf("a race is no change: %s", got)
	}
	if got := spell(c.Chains(late, soon, c.Learn(late, late))); got == "" {
		t.Error("an order that did not vary has changed, and nothing is said")
	}
}

// TestPages: a set that is filled page by page has the same chains.
func TestPages(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	was := chainsOf(t, f, names, order("o-1")...)
	now := compare.NewSet(f, names)
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Judged: now.Judged})
	scan := now.Scanner()
	var d message.Decoder
	for _, l := range order("o-1") {
		e, err := d.Decode([]byte(l))
		if err != nil {
			t.Fatal(err)
		}
		now.AddPage(scan(nil, e.Observation))
		audit.Add(e)
	}
	audit.Add(message.Event{Mark: &message.Mark{Kind: message.MarkEnd, Seen: time1100}})
	audit.Result()
	if got := spell(compare.New(f).Chains(&was.Chains()[0], &now.Chains()[0], nil)); got != "" {
		t.Error(got)
	}
	if c := now.Find(map[string]string{"ship": "t-o-1"}); c == nil || c.Name != "o-1" {
		t.Errorf("found %v by its other id", c)
	}
}

// TestAliases: a value that is fresh in each run and no id of the flow.
func TestAliases(t *testing.T) {
	f, names := loadFlow(t), compare.NewNames()
	run := func(account string) *compare.Chain {
		l := order("o-1")
		l[0] = strings.Replace(l[0], `"total"`, `"account":"acc-`+account+`","total"`, 1)
		c := &chainsOf(t, f, names, l...).Chains()[0]
		c.Aliases = []compare.Alias{{Value: account, As: "id"}}
		return c
	}
	if got := spell(compare.New(f).Chains(run("u7"), run("u9"), nil)); got != "" {
		t.Error(got)
	}
}

var time1100 = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
