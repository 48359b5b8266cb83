package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hugeFlow reads a body of many megabytes; %s is a check.
const hugeFlow = `flowcheck: 1
flow: huge
brokers: { events: "kafka://localhost:9092" }
channels: { orders: { broker: events, topic: orders } }
correlate: { order: body.orderId }
steps:
  placed:
    channel: orders
    check:
      - %s
`

// hugeRecording has one body of at least that many bytes: a list of numbers.
func hugeRecording(t testing.TB, size int) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(`{"flowcheck":"recording/1","flow":"huge","started":"2026-11-22T10:00:00Z"}` + "\n")
	b.WriteString(`{"channel":"orders","seen":"2026-11-22T10:00:01Z","position":"0@1","body":{"orderId":"o-1","items":[0`)
	for i := 1; b.Len() < size; i++ {
		b.WriteString("," + strconv.Itoa(i))
	}
	b.WriteString("]}}\n" + `{"mark":"end","seen":"2026-11-22T10:05:00Z"}` + "\n")
	path := filepath.Join(t.TempDir(), "huge.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAHugeBodyCostsNoMoreThanItMay: what would take hours is unknown, and soon.
func TestAHugeBodyCostsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	recording := hugeRecording(t, 10<<20)
	const unknown = "costs more than it may"
	for _, c := range []struct{ check, says string }{
		{`body.items[7] == 7`, "1 passed, 0 failed"},
		{`count(body.items, any(body.items, # == -1)) == 0`, unknown},
		{`len(map(body.items, map(body.items, # * 2))) > 0`, unknown},
		{`len(join(map(body.items, string(#) + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "")) < 0`, ""},
		{`sort(body.items, "desc")[0] < 0`, ""},
	} {
		t.Run(c.check, func(t *testing.T) {
			t.Parallel()
			flow := write(t, "huge.flow.yaml", fmt.Sprintf(hugeFlow, "'"+c.check+"'"))
			began := time.Now()
			p := start(t, "verify", flow, recording)
			code := p.code()
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %v", took)
			}
			if code == exitInput || code < 0 || !strings.Contains(p.out.String(), c.says) {
				t.Errorf("exit code %d: %s%.2000s", code, &p.errs, p.out.String())
			}
		})
	}
}

// TestWhatCostsTooMuchIsNotOverlooked: a message on which a `when` is given up
// may be the step, or what must never come. Neither is missing nor passed over.
func TestWhatCostsTooMuchIsNotOverlooked(t *testing.T) {
	t.Parallel()
	recording := hugeRecording(t, 10<<20)
	const dear = `count(body.items, any(body.items, # == -1)) == 0`
	for name, more := range map[string]string{
		"a step":    "  placed: { channel: orders, when: '" + dear + "' }\n",
		"a channel": "  placed: { channel: orders }\n",
		"a rule":    "  placed: { channel: orders }\nrules:\n  - never: { channel: orders, when: '" + dear + "' }\n",
		"an id":     "  placed: { channel: orders }\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(hugeFlow, "  placed:\n    channel: orders\n    check:\n      - %s\n", more, 1)
			switch name {
			case "a channel":
				text = strings.Replace(text, "topic: orders }", "topic: orders, when: '"+dear+"' }", 1)
			case "an id":
				text = strings.Replace(text, "correlate: { order: body.orderId }", "correlate:\n  order: 'string("+dear+")'", 1)
			}
			p := start(t, "verify", write(t, "huge.flow.yaml", text), recording)
			if code := p.code(); code != exitUnknown || !strings.Contains(p.out.String(), "cost more than they may on the message at 0@1") {
				t.Errorf("exit code %d: %s%.2000s", code, &p.errs, p.out.String())
			}
		})
	}
}
