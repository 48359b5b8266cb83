// Package tracing sends the chains of a shadow as traces, over OTLP/HTTP: a chain
// is a trace, each of its messages a span.
//
//	shadow ── Saw ───→ parents: the traceparent of each message, for a while
//	       └─ Closed ─→ spans ─→ queue ─→ batches ─→ POST …/v1/traces
//
// The ids are hashes of the chain, so that a chain that is told twice is one
// trace. It never holds the shadow up: what there is no room for is dropped and
// counted.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/post"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// Config is what an Exporter needs.
type Config struct {
	// URL is the collector's, with or without /v1/traces.
	URL string
	// Headers are sent along; they may be secrets.
	Headers map[string]string
	Flows   []*flows.Flow
	Version string
	Log     *slog.Logger
	// Count is told what became of spans: sent, failed or dropped.
	Count func(result string, n int)
}

// Exporter is a shadow.Watcher and a shadow.Seer. It is safe for concurrent use.
type Exporter struct {
	cfg     Config
	to      *post.Target
	flows   map[string]*flowInfo
	parents parents
	in      chan []*trace.Span
	stop    chan struct{}
	done    chan struct{}
}

// flowInfo is what spans say of a flow.
type flowInfo struct {
	channels map[string]channelInfo
	after    map[string][]string // steps by step
}

type channelInfo struct{ system, destination string }

// The bounds: chains that wait, spans of a batch and of a chain, and how long spans
// wait for a batch to fill.
const (
	maxWaiting = 4096
	maxBatch   = 512
	maxSpans   = 200
	batchEvery = 2 * time.Second
)

// Start begins to export.
func Start(cfg Config) (*Exporter, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the collector's address is http://HOST:4318 or https://HOST")
	}
	if !strings.HasSuffix(u.Path, "/v1/traces") {
		u = u.JoinPath("v1/traces")
	}
	e := &Exporter{
		cfg: cfg, to: postTo(u.String(), cfg.Headers), flows: map[string]*flowInfo{}, in: make(chan []*trace.Span, maxWaiting),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for _, f := range cfg.Flows {
		e.flows[f.Name] = infoOf(f)
	}
	go e.run()
	return e, nil
}

func infoOf(f *flows.Flow) *flowInfo {
	info := &flowInfo{channels: map[string]channelInfo{}, after: map[string][]string{}}
	for i := range f.Channels {
		c := &f.Channels[i]
		scheme, _, _ := strings.Cut(f.Brokers[c.Broker].URL, "://")
		info.channels[c.Name] = channelOf(c, scheme)
	}
	for i := range f.Steps {
		for _, a := range f.Steps[i].After {
			info.after[f.Steps[i].Name] = append(info.after[f.Steps[i].Name], f.Steps[a].Name)
		}
	}
	return info
}

// channelOf names a channel's system as the semantic conventions for messaging do.
func channelOf(c *flows.Channel, scheme string) channelInfo {
	switch {
	case c.Topic != "" && strings.HasPrefix(scheme, "kafka"):
		return channelInfo{"kafka", c.Topic}
	case c.SNS != "":
		return channelInfo{"aws.sns", c.SNS}
	case c.SQS != "":
		return channelInfo{"aws_sqs", c.SQS}
	case c.Exchange+c.Queue+c.Stream != "":
		return channelInfo{"rabbitmq", c.Exchange + c.Queue + c.Stream}
	default:
		return channelInfo{scheme, c.Name}
	}
}

// Told is shadow.Watcher's.
func (e *Exporter) Told(*shadow.Record) {}

// Saw remembers the trace that a message belongs to.
func (e *Exporter) Saw(flow string, o *message.Observation) {
	if link := linkOf(o); link != nil {
		e.parents.put(place{flow, o.Channel, o.Position}, link)
	}
}

// Closed makes the spans of a chain.
func (e *Exporter) Closed(flow string, j *flows.Judgement) {
	info := e.flows[flow]
	if info == nil {
		return
	}
	spans := e.spans(flow, info, j)
	if len(spans) == 0 {
		return
	}
	select {
	case e.in <- spans:
	default:
		e.cfg.Count("dropped", len(spans))
	}
}

// Close sends what there is, and waits a while for that.
func (e *Exporter) Close() {
	close(e.stop)
	<-e.done
}

// run gathers spans and sends them.
func (e *Exporter) run() {
	defer close(e.done)
	tick := time.NewTicker(batchEvery)
	defer tick.Stop()
	var batch []*trace.Span
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	send := func() {
		if len(batch) > 0 {
			e.send(ctx, e.request(batch), len(batch))
			batch = nil
		}
	}
	for {
		select {
		case spans := <-e.in:
			if batch = append(batch, spans...); len(batch) >= maxBatch {
				send()
			}
		case <-tick.C:
			send()
		case <-e.stop:
			timer := time.AfterFunc(post.Timeout, cancel)
			defer timer.Stop()
			for len(e.in) > 0 {
				if batch = append(batch, <-e.in...); len(batch) >= maxBatch {
					send()
				}
			}
			send()
			return
		}
	}
}

func (e *Exporter) request(spans []*trace.Span) *collector.ExportTraceServiceRequest {
	return &collector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{text("service.name", "flowcheck"), text("service.version", e.cfg.Version)}},
		ScopeSpans: []*trace.ScopeSpans{{
			Scope: &common.InstrumentationScope{Name: "github.com/flowcheck/flowcheck/tracing", Version: e.cfg.Version}, Spans: spans,
		}},
	}}}
}

// parents are the traces of messages by their places: the last maxParents of them
// at least.
type parents struct {
	mu         sync.Mutex
	young, old map[place]*trace.Span_Link
}

type place struct {
	flow, channel string
	position      message.Position
}

const maxParents = 100_000

func (p *parents) put(at place, link *trace.Span_Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.young == nil || len(p.young) >= maxParents {
		p.old, p.young = p.young, map[place]*trace.Span_Link{}
	}
	p.young[at] = link
}

func (p *parents) get(at place) *trace.Span_Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if link := p.young[at]; link != nil {
		return link
	}
	return p.old[at]
}
