package tracing

import (
	"context"
	"fmt"
	"net/http"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/flowcheck/flowcheck/internal/post"
)

// A batch is tried so often, and so long after the first failure; then 2 s, 4 s,
// or as long as the collector asks for.
const (
	tries    = 4
	firstTry = time.Second
)

// postTo is where the collector takes batches.
func postTo(url string, headers map[string]string) *post.Target {
	return &post.Target{
		URL: url, Headers: headers, ContentType: "application/x-protobuf",
		Tries: tries, Pause: firstTry, Again: mayHelp, Client: post.NewClient(),
	}
}

// mayHelp tells which answers are worth another try, by the specification of
// OTLP/HTTP.
func mayHelp(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// send posts a batch of n spans, and counts what becomes of them.
func (e *Exporter) send(ctx context.Context, request *collector.ExportTraceServiceRequest, n int) {
	data, err := proto.Marshal(request)
	if err == nil {
		err = e.to.Send(ctx, data)
	}
	if err == nil {
		e.cfg.Count("sent", n)
		return
	}
	e.cfg.Count("failed", n)
	e.cfg.Log.Error("traces could not be sent to the collector", "spans", n, "error", fmt.Sprintf("%.300s", err.Error()))
}
