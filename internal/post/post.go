// Package post sends bytes to an address over HTTP, and tries again where that may
// help. The address and the headers may be secrets: no error has them, and no
// redirect is followed with them.
//
//	Send ── POST ──→ 2xx: done
//	          │ no answer, or one that Again says yes to: a pause, then the next try
//	          └ any other answer: an error
package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Timeout is how long one try may take.
const Timeout = 10 * time.Second

// maxAfter bounds for how long an answer may ask to wait.
const maxAfter = time.Minute

// Target is where to send to. It is safe for concurrent use.
type Target struct {
	URL         string
	Headers     map[string]string
	ContentType string
	// Tries is how often it is tried, Pause how long after the first; then twice as
	// long each time, or as long as the answer asks for, a minute at most.
	Tries int
	Pause time.Duration
	// Again tells which answers are worth another try.
	Again func(status int) bool
	// Client is NewClient's.
	Client *http.Client
}

// NewClient follows no redirect: what is in the address and the headers is for one
// target alone.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal is an answer that is no success.
type refusal struct {
	status string
	again  bool // whether it is worth another try
	after  time.Duration
}

func (r *refusal) Error() string { return "it answers " + r.status }

// Send posts the data, until it is taken, refused for good, or tried often enough.
func (t *Target) Send(ctx context.Context, data []byte) error {
	pause := t.Pause
	for try := 1; ; try++ {
		err := t.post(ctx, data)
		var r *refusal
		if err == nil || try == t.Tries || errors.As(err, &r) && !r.again {
			return err
		}
		wait := pause
		if r != nil && r.after > 0 {
			wait = r.after
		}
		pause *= 2
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("no more time to try again: %w", err)
		}
	}
}

func (t *Target) post(ctx context.Context, data []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(data))
	if err != nil {
		return errors.New("its address cannot be used")
	}
	for name, value := range t.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", t.ContentType)
	response, err := t.Client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if code := response.StatusCode; code < 200 || code >= 300 {
		r := &refusal{status: response.Status, again: t.Again(code)}
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			r.after = min(time.Duration(min(seconds, 3600))*time.Second, maxAfter)
		}
		return r
	}
	return nil
}
