package http

import (
	"context"
	"errors"
	"io"
	nethttp "net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// maxBody bounds a request's body, in bytes. A larger one is a loss that the tap
// tells.
const maxBody = 16 << 20

// stub stands in for the service that one channel is about.
type stub struct {
	tap     *tap
	channel brokers.Channel

	mu    sync.Mutex
	count int64
}

// ServeHTTP makes a message of the request, and answers it.
func (s *stub) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, err := io.ReadAll(nethttp.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*nethttp.MaxBytesError](err); tooLarge {
			s.tap.lose(s.channel.Name, "the body of a request is beyond 16 MiB")
			nethttp.Error(w, "flowcheck: at most 16 MiB", nethttp.StatusRequestEntityTooLarge)
		}
		return // the caller has gone in the middle of its request: it has sent nothing
	}
	n, err := s.accept(r, body)
	if err != nil {
		nethttp.Error(w, "flowcheck: the run has ended", nethttp.StatusServiceUnavailable)
		return
	}
	s.answer(r.Context(), w, n)
}

// accept hands the request on, as a message, and returns its number from 1.
func (s *stub) accept(r *nethttp.Request, body []byte) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	o := &message.Observation{
		Message:  message.Message{Headers: headers(r), Payload: body, Properties: properties(r)},
		Channel:  s.channel.Name,
		Position: message.Nth(s.count + 1),
		Time:     now,
		Seen:     now,
	}
	if err := s.tap.put(r.Context(), message.Event{Observation: o}); err != nil {
		return 0, err
	}
	s.count++
	return s.count, nil
}

// answer gives the n-th answer; after the last one, that one again.
func (s *stub) answer(ctx context.Context, w nethttp.ResponseWriter, n int64) {
	var a brokers.Answer
	if all := s.channel.Answers; len(all) > 0 {
		a = all[min(int(n), len(all))-1]
	}
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		case <-s.tap.stop:
		}
	}
	for _, h := range a.Headers {
		w.Header().Add(h.Name, h.Value)
	}
	if a.Status == 0 {
		a.Status = nethttp.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever has hung up gets no answer
}

// secrets are headers whose values are nobody's business: they are left out of
// the message.
var secrets = []string{"authorization", "cookie", "proxy-authorization", "x-api-key"}

const hidden = "(left out by flowcheck)"

// headers are the request's, by name in lower case. Go does not keep the order in
// which they came.
func headers(r *nethttp.Request) []message.Header {
	var all []message.Header
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if name == "content-length" || name == "connection" {
			continue // of the body and the connection, not of the call
		}
		for _, v := range values {
			if slices.Contains(secrets, name) {
				v = hidden
			}
			all = append(all, message.Header{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(all, func(a, b message.Header) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func properties(r *nethttp.Request) map[string]any {
	return map[string]any{"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "host": r.Host}
}
