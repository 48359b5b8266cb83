package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
)

type way func(context.Context, *message.Reader, *flows.Audit) error

// plainly adds event after event.
func plainly(_ context.Context, r *message.Reader, a *flows.Audit) error {
	r.Bodies = a.Bodies()
	for {
		event, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a.Add(event)
	}
}

func byOne(ctx context.Context, r *message.Reader, a *flows.Audit) error {
	return alone(ctx, r, target{Audit: a})
}

func inParallel(ctx context.Context, r *message.Reader, a *flows.Audit) error {
	return parallel(ctx, r, target{Audit: a}, 3)
}

func feed(t *testing.T, flow *flows.Flow, in io.Reader, w way) (*flows.Result, error) {
	t.Helper()
	reader, err := message.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started})
	err = w(t.Context(), reader, audit)
	return audit.Result(), err
}

// oneByOne is the result of adding event after event, and of judging chain after
// chain.
func oneByOne(t *testing.T, flow *flows.Flow, in io.Reader) (*flows.Result, error) {
	t.Helper()
	reader, err := message.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started, Judged: func(flows.Judged) {}})
	err = plainly(t.Context(), reader, audit)
	return audit.Result(), err
}

func load(t *testing.T, text string) *flows.Flow {
	t.Helper()
	flow, errs := flows.Load("workload.yaml", []byte(text), flows.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return flow
}

func recording(t *testing.T, chains int) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := workload.Write(&b, workload.Config{Chains: chains, Open: 300, FaultRate: 0.02, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// with a step that only some messages are, escaped ids, and a rule on text.
const odd = `flowcheck: 1
flow: workload
brokers: { k: "kafka://localhost:9092" }
channels:
  orders:   { broker: k, topic: orders, when: 'body.total != 12.5', time: body.total }
  payments: { broker: k, topic: payments, time: body.amount }
  mails:    { broker: k, topic: mails }
correlate:
  order: '"a \"quoted\" " + body.orderId'
  customer: [ body.customer, body.paymentId ]
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, when: 'body.amount < 500', within: 60s }
rules:
  - unique:  { channel: payments, id: '[body.paymentId]', per: body.currency }
  - ordered: { channel: mails, by: body.fee, per: body.customer }
  - latency: { from: placed, to: paid, p50: 1ms, p99: 2ms }
`

func TestParallelSaysTheSame(t *testing.T) {
	data := recording(t, 3000)
	for name, text := range map[string]string{"plain": workload.Flow, "more": workload.FlowWithMore, "odd": odd} {
		flow := load(t, strings.Replace(text, "[ body.customer, body.paymentId ]", "'[body.customer, body.paymentId]'", 1))
		want, err := oneByOne(t, flow, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if len(want.Findings) == 0 {
			t.Errorf("%s: no findings to compare", name)
		}
		for i, w := range []way{plainly, byOne, inParallel} {
			got, err := feed(t, flow, bytes.NewReader(data), w)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, way %d: %d findings, plainly %d", name, i, len(got.Findings), len(want.Findings))
			}
		}
	}
}

func TestParallelRefusesTheSameLine(t *testing.T) {
	data := recording(t, 2000)
	lines := bytes.SplitAfter(data, []byte{'\n'})
	flow := load(t, workload.Flow)
	spoilt := map[string]io.Reader{
		"no JSON":          bytes.NewReader(bytes.Join([][]byte{bytes.Join(lines[:4321], nil), []byte("{,}\n"), bytes.Join(lines[4321:], nil)}, nil)),
		"a body that ends": bytes.NewReader(bytes.Replace(data, []byte(`"orderId":"o-777",`), []byte(`"orderId":"o-777,`), 1)),
		"cut off":          bytes.NewReader(data[:len(data)-700]),
		"blank lines":      bytes.NewReader(bytes.ReplaceAll(data, []byte("\n"), []byte("\n\n"))),
		"one more byte":    bytes.NewReader(append(bytes.Clone(data), 'x')),
		"a broken disk":    io.MultiReader(bytes.NewReader(data[:1_000_000]), iotest.ErrReader(errors.New("broken"))),
		"small reads":      iotest.OneByteReader(bytes.NewReader(data[:50_000])),
	}
	for name, in := range spoilt {
		var copied bytes.Buffer
		want, wantErr := feed(t, flow, io.TeeReader(in, &copied), plainly)
		for i, w := range []way{byOne, inParallel} {
			again := io.Reader(bytes.NewReader(copied.Bytes()))
			if name == "a broken disk" {
				again = io.MultiReader(again, iotest.ErrReader(errors.New("broken")))
			}
			got, err := feed(t, flow, again, w)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s, way %d: %v, plainly %v", name, i, err, wantErr)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, way %d: the results differ", name, i)
			}
		}
		if wantErr == nil && name != "blank lines" {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFeedIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, w := range []way{byOne, inParallel} {
		reader, err := message.NewReader(bytes.NewReader(recording(t, 1000)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w(ctx, reader, flows.NewAudit(load(t, workload.Flow), flows.AuditConfig{Mode: "verify"})); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}
