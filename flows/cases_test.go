package flows_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
)

// withCases loads a flow whose scenario takes its cases from a file.
func withCases(t *testing.T, file, content string) (*flows.Flow, error) {
	t.Helper()
	opts := options()
	opts.Seed = 5
	opts.Open = func(path string) ([]byte, error) {
		if path != "data/"+file {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return []byte(content), nil
	}
	flow, errs := flows.Load("data/story.yaml", []byte(head+`
channels: { orders: { broker: k, topic: orders } }
correlate: { order: body.id }
steps: { placed: { channel: orders } }
scenarios:
  - name: placed
    cases: `+file+`
    send: { to: orders, body: { id: "${id}", qty: "${case.qty}", who: "${fake.name()}" } }
`), opts)
	if len(errs) > 0 {
		return nil, errs
	}
	return flow, nil
}

func TestCasesFromFiles(t *testing.T) {
	files := map[string]string{
		"cases.csv":   "qty,name\n1,\"a, b\"\n,true\n012,\n",
		"cases.jsonl": "{\"qty\":1,\"name\":\"a, b\"}\n\n{\"qty\":null,\"name\":true}\n{\"qty\":\"012\",\"name\":null}\n",
	}
	for file, content := range files {
		flow, err := withCases(t, file, "\ufeff"+content)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got := ""
		for _, c := range flow.Scenarios[0].Cases {
			data, err := json.Marshal(c.Data())
			if err != nil {
				t.Fatal(err)
			}
			got += string(data)
		}
		if want := `{"name":"a, b","qty":1}{"name":true,"qty":null}{"name":null,"qty":"012"}`; got != want {
			t.Errorf("%s: %s, not %s", file, got, want)
		}
	}
}

func TestWrongCaseFiles(t *testing.T) {
	for _, test := range []struct{ file, content, says string }{
		{"cases.csv", "", "data/cases.csv has no cases"},
		{"cases.csv", "qty\n", "data/cases.csv has no cases"},
		{"cases.csv", "a,b\n1\n", "data/cases.csv: record on line 2: wrong number of fields"},
		{"cases.jsonl", "{\"qty\":1}\n[1]\n", "data/cases.jsonl: line 2: a case is an object"},
		{"cases.jsonl", "{\"qty\":1", "data/cases.jsonl: line 1: "},
		{"cases.xlsx", "", "cases.xlsx is neither .csv nor .jsonl"},
		{"/cases.csv", "", "cannot read /cases.csv: file does not exist"},
		{"cases.csv", "qty\n" + strings.Repeat("1\n", 100_001), "more than 100000 cases"},
	} {
		if _, err := withCases(t, test.file, test.content); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %.20q: %v, not %q", test.file, test.content, err, test.says)
		}
	}
}

// Each case has test data of its own, and the same each time.
func TestTestDataIsTheSeeds(t *testing.T) {
	flow, err := withCases(t, "cases.csv", "qty\n1\n2\n")
	if err != nil {
		t.Fatal(err)
	}
	if !flow.Draws {
		t.Error("the flow is said to have no test data")
	}
	s := &flow.Scenarios[0]
	bodies := map[string]bool{}
	for range 2 {
		for _, kase := range s.Cases {
			triggers, err := s.Triggers(flow, "x", kase)
			if err != nil {
				t.Fatal(err)
			}
			bodies[string(triggers[0].Message.Payload)] = true
		}
	}
	if len(bodies) != 2 {
		t.Errorf("%d different messages for two cases: %v", len(bodies), bodies)
	}
}

func TestTestDataIsOnlySent(t *testing.T) {
	for expr, says := range map[string]string{
		`check: 'body.name == fake.name()'`: "fake.name() cannot be used here",
		`check: 'body.name == fake.nmae()'`: "fake.nmae() cannot be used here",
	} {
		_, errs := flows.Load("story.yaml", []byte(head+`
channels: { orders: { broker: k, topic: orders } }
correlate: { order: body.id }
steps: { placed: { channel: orders } }
scenarios: [ { name: n, `+expr+`, send: { to: orders, body: "${fake.nme()}" } } ]
`), options())
		text := ""
		for _, e := range errs {
			text += e.Error() + "\n"
		}
		if !strings.Contains(text, says) || !strings.Contains(text, "fake.name") {
			t.Errorf("%s: %s", expr, text)
		}
	}
}
