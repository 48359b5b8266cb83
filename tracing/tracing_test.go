package tracing

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/flowcheck/flowcheck/correlate"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

const orders = `flowcheck: 1
flow: orders
brokers: { k: "kafka://localhost:1", r: "amqp://localhost:1" }
settle: 50ms
channels:
  orders:    { broker: k, topic: shop.orders }
  payments:  { broker: k, topic: shop.payments }
  shipments: { broker: r, exchange: shipping }
correlate: { order: body.order }
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 1s, check: [ body.amount == placed.body.amount ] }
  shipped: { channel: shipments, after: paid, within: 5s }
`

// stub is a collector that keeps what it is sent.
type stub struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []*trace.Span
	posts  int
	failed int // answers 503 that many times first
	heads  http.Header
}

func newStub(t *testing.T) *stub {
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.posts++; s.posts <= s.failed {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		data, _ := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &request); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
		}
		s.heads = r.Header
		for _, of := range request.GetResourceSpans() {
			if attribute(of.GetResource().GetAttributes(), "service.name") != "flowcheck" {
				t.Errorf("the resource is %v", of.GetResource())
			}
			s.spans = append(s.spans, of.GetScopeSpans()[0].GetSpans()...)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shadowed has an exporter told what a shadow of the flow tells it, and returns
// what it counted.
func shadowed(t *testing.T, cfg Config, all ...*message.Observation) map[string]int {
	t.Helper()
	f, errs := flows.Load("test.yaml", []byte(orders), flows.Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	counts := map[string]int{}
	cfg.Flows, cfg.Version = []*flows.Flow{f}, "test"
	cfg.Count = func(result string, n int) { counts[result] += n }
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.to.Pause = time.Millisecond
	live := flows.NewLive(f, flows.LiveConfig{Started: noon.Add(-time.Hour), Tell: func(j *flows.Judgement) {
		if j.Closed {
			e.Closed("orders", j)
		}
	}})
	for _, o := range all {
		e.Saw("orders", o)
		live.Add(message.Event{Observation: o})
	}
	for i := range f.Channels {
		live.ReadTo(i, correlate.InstantOf(noon.Add(time.Hour)))
	}
	live.Sweep(correlate.InstantOf(noon.Add(time.Hour)))
	e.Close()
	return counts
}

func seen(channel string, position message.Position, ms, amount int, headers ...message.Header) *message.Observation {
	at := noon.Add(time.Duration(ms) * time.Millisecond)
	return &message.Observation{
		Channel: channel, Position: position, Time: at, Seen: at.Add(time.Millisecond),
		Message: message.Message{Payload: fmt.Appendf(nil, `{"order":"o-1","amount":%d}`, amount), Headers: headers},
	}
}

func parent(value string) message.Header { return message.Header{Name: "traceparent", Value: value} }

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
)

// TestAChainIsATrace: what a collector decodes of a chain that fails.
func TestAChainIsATrace(t *testing.T) {
	c := newStub(t)
	c.failed = 2
	counts := shadowed(t, Config{URL: c.URL, Headers: map[string]string{"X-Key": "k"}},
		seen("orders", message.At(2, 17), 0, 5, parent("00-"+traceID+"-"+spanID+"-01")),
		seen("payments", message.At(0, 4), 300, 6),
		seen("shipments", message.Nth(9), 800, 5, parent("garbage")),
	)
	if counts["sent"] != 4 || c.posts != 3 || c.heads.Get("X-Key") != "k" {
		t.Errorf("%v, %d posts", counts, c.posts)
	}
	var lines []string
	for _, s := range c.spans {
		lines = append(lines, fmt.Sprintf("%s %v +%v..+%v links:%d %v", s.GetName(), s.GetKind(), after(s.GetStartTimeUnixNano()), after(s.GetEndTimeUnixNano()), len(s.GetLinks()), s.GetStatus().GetCode()))
	}
	want := `orders SPAN_KIND_INTERNAL +0s..+800ms links:0 STATUS_CODE_ERROR
publish shop.orders SPAN_KIND_PRODUCER +0s..+0s links:1 STATUS_CODE_UNSET
publish shop.payments SPAN_KIND_PRODUCER +0s..+300ms links:0 STATUS_CODE_UNSET
publish shipping SPAN_KIND_PRODUCER +300ms..+800ms links:0 STATUS_CODE_UNSET`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("%s", got)
	}
	root := c.spans[0]
	if attribute(root.GetAttributes(), "flowcheck.chain") != "o-1" || attribute(root.GetAttributes(), "flowcheck.verdict") != "fail" || attribute(root.GetAttributes(), "flowcheck.id.order") != "o-1" ||
		len(root.GetEvents()) != 1 || attribute(root.GetEvents()[0].GetAttributes(), "flowcheck.finding.kind") != "mismatch" {
		t.Errorf("%v", root)
	}
	for _, s := range c.spans[1:] {
		if !bytes.Equal(s.GetTraceId(), root.GetTraceId()) || !bytes.Equal(s.GetParentSpanId(), root.GetSpanId()) || len(s.GetTraceId()) != 16 || len(s.GetSpanId()) != 8 {
			t.Errorf("%v is not of the trace", s)
		}
	}
	placed := c.spans[1]
	if link := placed.GetLinks()[0]; hex.EncodeToString(link.GetTraceId()) != traceID || hex.EncodeToString(link.GetSpanId()) != spanID || link.GetFlags() != 1 {
		t.Errorf("%v", link)
	}
	for name, want := range map[string]string{
		"messaging.system": "kafka", "messaging.destination.name": "shop.orders", "messaging.operation.name": "publish", "messaging.operation.type": "send",
		"messaging.destination.partition.id": "2", "messaging.kafka.offset": "17", "flowcheck.step": "placed",
	} {
		if got := attribute(placed.GetAttributes(), name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := attribute(c.spans[3].GetAttributes(), "messaging.system"); got != "rabbitmq" {
		t.Errorf("%q", got)
	}
}

// TestTheSameChainIsTheSameTrace: ids are made from the chain.
func TestTheSameChainIsTheSameTrace(t *testing.T) {
	var ids []string
	for _, offset := range []int64{1, 1, 2} {
		c := newStub(t)
		shadowed(t, Config{URL: c.URL + "/v1/traces"}, seen("orders", message.At(0, offset), 0, 5), seen("payments", message.At(0, 1), 1, 5), seen("shipments", message.Nth(1), 2, 5))
		ids = append(ids, hex.EncodeToString(c.spans[0].GetTraceId()))
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Error(ids)
	}
}

// TestACollectorThatRefuses: spans are counted as failed, and its address is not
// told.
func TestACollectorThatRefuses(t *testing.T) {
	c := newStub(t)
	c.failed = 100
	var logs bytes.Buffer
	counts := shadowed(t, Config{URL: c.URL + "/a-secret", Log: slog.New(slog.NewTextHandler(&logs, nil))}, seen("orders", message.At(0, 1), 0, 5))
	if counts["failed"] != 2 || c.posts != tries || strings.Contains(logs.String(), "a-secret") || !strings.Contains(logs.String(), "503") {
		t.Errorf("%v, %d posts: %s", counts, c.posts, &logs)
	}
	if _, err := Start(Config{URL: "localhost:4318"}); err == nil {
		t.Error("an address without http:// was taken")
	}
}

func TestTraceparent(t *testing.T) {
	for value, ok := range map[string]bool{
		"00-" + traceID + "-" + spanID + "-00":                  true,
		"01-" + traceID + "-" + spanID + "-00-more":             true,
		"00-" + traceID + "-" + spanID + "-00-more":             false,
		"ff-" + traceID + "-" + spanID + "-00":                  false,
		"00-" + strings.Repeat("0", 32) + "-" + spanID + "-00":  false,
		"00-" + traceID + "-" + strings.Repeat("0", 16) + "-00": false,
		"00-" + traceID[2:] + "-" + spanID + "-00":              false,
		"00-" + strings.Repeat("x", 32) + "-" + spanID + "-00":  false,
		"": false,
		"01-" + traceID + "-" + spanID + "-00-" + strings.Repeat("-", 300): false,
	} {
		if got := linkOf(seen("orders", message.At(0, 1), 0, 1, parent(value))) != nil; got != ok {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func after(nanos uint64) time.Duration { return time.Unix(0, int64(nanos)).Sub(noon) }

func attribute(all []*common.KeyValue, name string) string {
	for _, a := range all {
		if a.GetKey() == name {
			if n := a.GetValue().GetIntValue(); n != 0 {
				return fmt.Sprint(n)
			}
			return a.GetValue().GetStringValue()
		}
	}
	return "(none)"
}
