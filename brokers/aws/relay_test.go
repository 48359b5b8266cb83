package aws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// relay hands a request on to the emulator, and the answer back unless it is to
// be lost. It tells lose what was asked for.
func (e *emulator) relay(t *testing.T, w http.ResponseWriter, r *http.Request, lose func(action string) bool) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, e.cfg.Endpoint+r.URL.Path, bytes.NewReader(asked))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header = r.Header
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	if lose(actionOf(r, asked)) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// actionOf is what a request asks for: in a header with SQS's protocol, in the
// form with SNS's.
func actionOf(r *http.Request, body []byte) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	form, _ := url.ParseQuery(string(body))
	return form.Get("Action")
}

// A request that was cut off may have done its work all the same; what it made
// is found and removed.
func TestWhatACutOffRequestMadeIsRemoved(t *testing.T) {
	e := ministack(t)
	topic := e.topic(t, fresh("mail"))
	for _, last := range []string{"CreateQueue", "Subscribe"} {
		t.Run(last, func(t *testing.T) {
			ctx, cancel := context.WithCancel(timeout(t))
			defer cancel()
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				e.relay(t, w, r, func(action string) bool {
					if action == last {
						if queues, _ := e.leftovers(t, e.cfg.RunID, topic); len(queues) != 1 {
							t.Errorf("%s made %v", last, queues)
						}
						cancel()
					}
					return action == last
				})
			}))
			defer proxy.Close()
			cfg := e.cfg
			cfg.Endpoint = proxy.URL
			tapper, err := openTapper(timeout(t), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer tapper.Close()
			_, err = tapper.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{{Name: "mails", SNS: topic}}, Events: make(chan message.Event)})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if queues, subs := e.leftovers(t, e.cfg.RunID, topic); len(queues) != 0 || subs != 0 {
				t.Errorf("queues %v and %d subscriptions are left", queues, subs)
			}
		})
	}
}
