package learn_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/learn"
	"github.com/flowcheck/flowcheck/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

func lesson(t *testing.T, recording string) (*learn.Lesson, error) {
	t.Helper()
	r, err := message.NewReader(strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	return learn.From(t.Context(), learn.Config{}, r)
}

// learnt is what comes of a recording: a file that loads, and that the recording
// passes.
func learnt(t *testing.T, recording string) *learn.Lesson {
	t.Helper()
	l, err := lesson(t, recording)
	if err != nil {
		t.Fatal(err)
	}
	f, errs := flows.Load("learnt.flow.yaml", []byte(l.Text), flows.Options{Offline: true})
	if len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, l.Text)
	}
	r, err := message.NewReader(strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(f, flows.AuditConfig{Mode: "verify", Started: r.Header().Started})
	for {
		e, err := r.Next()
		if err != nil {
			break
		}
		if e.Mark == nil || e.Mark.Kind != message.MarkScenario {
			audit.Add(e)
		}
	}
	if result := audit.Result(); result.State != flows.Pass {
		t.Errorf("the traffic does not pass: %v %v\n%s", result.Findings, result.Unknowns, l.Text)
	}
	return l
}

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestTheShop: of the shop's traffic comes the flow that a person wrote, but for
// its names and what traffic cannot tell.
func TestTheShop(t *testing.T) {
	l := learnt(t, file(t, "../examples/shop/recordings/traffic.jsonl"))
	const golden = "testdata/shop.flow.yaml"
	if *update {
		if err := os.WriteFile(golden, []byte(l.Text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := file(t, golden); l.Text != want {
		t.Errorf("%s is otherwise now; -update writes it anew:\n%s", golden, l.Text)
	}
	for _, want := range []string{
		"order: body.orderId", `when: body.status == "DECLINED"`, "count: len(authorised.body.lines)", "dead-letters: shipments",
		"body.amount == orderPlaced.body.total", `death.reason == "rejected"`, "death.attempts == 3",
		"by: body.seq, per: body.account, gapless: true", "unique: { channel: payments, id: body.paymentId",
		"mails: [ orderPlaced, authorised, shipments, mails ]    # 24 of 33 chains, 72.7 %",
		"declined: [ orderPlaced, declined ]", "dead: [ orderPlaced, authorised, shipments, dead ]",
		"exchange: shipping, routing-key: 'shipment.#'",
	} {
		if !strings.Contains(l.Text, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	learnt(t, file(t, "../examples/shop/recordings/run.jsonl"))
}

// TestAWorkload: four steps on Kafka, tied by an id.
func TestAWorkload(t *testing.T) {
	var b bytes.Buffer
	if _, err := workload.Write(&b, workload.Config{Chains: 300, Open: 20, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	l := learnt(t, b.String())
	for _, want := range []string{"order: body.orderId", `when: headers["type"] == "paid"`, "after: placed", "after: paid", "after: shipped"} {
		if !strings.Contains(l.Text, want) {
			t.Errorf("%q is not in it:\n%s", want, l.Text)
		}
	}
}

const head = `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}` + "\n"

const end = `{"mark":"end","seen":"2026-11-22T10:10:00Z"}` + "\n"

// TestPeculiarTraffic: what comes of traffic with oddities loads, and passes.
func TestPeculiarTraffic(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		want        []string
	}{
		{"a key that is the id of one channel", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2"}}
{"channel":"b","time":"2026-11-22T10:00:01.5Z","position":"0@0","key":"x-1","text":"one"}
{"channel":"b","time":"2026-11-22T10:00:02.5Z","position":"0@1","key":"x-2","text":"two"}
`, []string{`channel == "b" ? key : (body.id)`}},
		{"a header ties", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","headers":[["x-id","x-1"]],"body":{}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","headers":[["x-id","x-2"]],"body":{}}
{"channel":"b","time":"2026-11-22T10:00:01.5Z","position":"0@0","headers":[["x-id","x-1"]],"body":{}}
{"channel":"b","time":"2026-11-22T10:00:02.5Z","position":"0@1","headers":[["x-id","x-2"]],"body":{}}
`, []string{`headers["x-id"]`}},
		{"names that are words of the language", `{"channel":"count","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1","type":"one"}}
{"channel":"len","time":"2026-11-22T10:00:01.5Z","position":"0@0","body":{"id":"x-1","type":"a: # 'b'"}}
{"channel":"count","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2","type":"one"}}
{"channel":"len","time":"2026-11-22T10:00:02.5Z","position":"0@1","body":{"id":"x-2","type":"a: # 'b'"}}
`, []string{"one_2:"}},
		{"texts that no YAML likes", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1","od'd: #":"!tag","type":"é\n\"q\""}}
{"channel":"b","time":"2026-11-22T10:00:01.5Z","position":"0@0","body":{"id":"x-1","state":"\u2028","od'd: #":"!tag"}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2","od'd: #":"&x","type":"é\n\"q\""}}
{"channel":"b","time":"2026-11-22T10:00:02.5Z","position":"0@1","body":{"id":"x-2","od'd: #":"&x","state":"\u2028"}}
`, nil},
		{"one channel", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2"}}
`, []string{"nothing ties them to another channel"}},
		{"a step that comes before and after another", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"b","time":"2026-11-22T10:00:01.5Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"b","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2"}}
{"channel":"a","time":"2026-11-22T10:00:02.5Z","position":"0@1","body":{"id":"x-2"}}
`, nil},
		{"sequences with a gap, a redelivery, a message that is lost", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","key":"k","body":{"id":"x-1","n":1}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","key":"k","body":{"id":"x-2","n":2}}
{"channel":"a","time":"2026-11-22T10:00:03Z","position":"0@2","key":"k","body":{"id":"x-3","n":3}}
{"channel":"a","time":"2026-11-22T10:00:04Z","position":"0@3","key":"k","body":{"id":"x-4","n":5}}
{"channel":"b","time":"2026-11-22T10:00:05Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"b","time":"2026-11-22T10:00:05Z","position":"0@1","body":{"id":"x-2"}}
{"channel":"b","time":"2026-11-22T10:00:05Z","position":"0@2","body":{"id":"x-2"}}
{"channel":"b","time":"2026-11-22T10:00:06Z","position":"0@3","body":{"id":"x-3"}}
`, nil},
		{"a dead letter whose origin was not seen", `{"channel":"a","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"id":"x-1"}}
{"channel":"a","time":"2026-11-22T10:00:02Z","position":"0@1","body":{"id":"x-2"}}
{"channel":"dlt","time":"2026-11-22T10:00:01.5Z","position":"0@0","headers":[["kafka_dlt-original-topic","z"],["kafka_dlt-exception-fqcn","E"]],"body":{"id":"x-1","more":1}}
{"channel":"dlt","time":"2026-11-22T10:00:02.5Z","position":"0@1","headers":[["kafka_dlt-original-topic","z"],["kafka_dlt-exception-fqcn","E"]],"body":{"id":"x-2","more":1}}
`, []string{"dead-letters cannot be told"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := learnt(t, head+c.lines+end)
			for _, want := range c.want {
				if !strings.Contains(l.Text, want) {
					t.Errorf("%q is not in it:\n%s", want, l.Text)
				}
			}
		})
	}
}

func TestNothingToLearn(t *testing.T) {
	for _, recording := range []string{
		head, head + end,
		head + `{"channel":"a","time":"2026-11-22T10:00:01Z","text":"x"}` + "\n",
	} {
		if _, err := lesson(t, recording); !errors.Is(err, learn.ErrNothing) {
			t.Errorf("%q: %v", recording, err)
		}
	}
}

// TestForeignSystems: of systems that are not ours comes a flow that their traffic
// passes, and that ties it as they do. How the recordings were made stands in
// docs/learn.md.
func TestForeignSystems(t *testing.T) {
	for name, want := range map[string]struct {
		chains int
		text   []string
	}{
		"celery/celery.jsonl": {40, []string{
			`headers["parent_id"]`, "ship: [ reserve, charge, ship ]    # 32 of 40 chains", "refuse: [ reserve, charge, refuse ]    # 8 of 40 chains",
		}},
		"watermill/watermill.jsonl": {40, []string{"dead-letters: events"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			l := learnt(t, string(text))
			if l.Result.State != flows.Pass || l.Result.Chains.Total != want.chains {
				t.Errorf("%v: %+v\n%s", l.Result.State, l.Result.Chains, l.Text)
			}
			for _, part := range want.text {
				if !strings.Contains(l.Text, part) {
					t.Errorf("no %q in\n%s", part, l.Text)
				}
			}
		})
	}
}
