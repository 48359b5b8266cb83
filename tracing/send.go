package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Batches are sent in this time, and tried so often.
const (
	sendTimeout = 10 * time.Second
	tries       = 4
)

// send posts a batch, and tries again where the specification of OTLP/HTTP says
// that it may help. No error has the address: a login may be in it.
func (e *Exporter) send(ctx context.Context, request *collector.ExportTraceServiceRequest, n int) {
	data, err := proto.Marshal(request)
	pause := e.pause
	for try := 1; err == nil; try++ {
		var again bool
		if again, err = e.post(ctx, data); err == nil {
			e.cfg.Count("sent", n)
			return
		}
		if !again || try == tries {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			err = nil
		case <-ctx.Done():
			timer.Stop()
		}
		pause *= 2
	}
	e.cfg.Count("failed", n)
	e.cfg.Log.Error("traces could not be sent", "spans", n, "error", fmt.Sprintf("%.300s", err.Error()))
}

func (e *Exporter) post(ctx context.Context, data []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.to, bytes.NewReader(data))
	if err != nil {
		return false, errors.New("the address cannot be used")
	}
	for name, value := range e.cfg.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := e.client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return true, err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, errors.New("the collector answers " + response.Status)
	default:
		return false, errors.New("the collector answers " + response.Status)
	}
}
