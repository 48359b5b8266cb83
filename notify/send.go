package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A notification is tried so often, and so long after each failure: 1 s, 2 s, 4 s,
// 8 s, or as long as the target asks for, maxAfter at most.
const (
	tries    = 5
	firstTry = time.Second
	maxAfter = time.Minute
	timeout  = 10 * time.Second
)

// newClient follows no redirect: what is in the address and the headers is for
// this target alone.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       timeout,
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

// send tells the target, and tries again where that may help. No error has the
// address, which is a secret.
func (q *queue) send(ctx context.Context, a *Alert) error {
	data, err := q.payload(a)
	if err != nil {
		return err
	}
	if q.Kind == "file" {
		return appendLine(q.Path, data)
	}
	pause := q.pause
	for try := 1; ; try++ {
		err = q.post(ctx, data)
		var r *refusal
		if err == nil || try == tries || errors.As(err, &r) && !r.again {
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

func (q *queue) post(ctx context.Context, data []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, q.URL, bytes.NewReader(data))
	if err != nil {
		return errors.New("its address cannot be used")
	}
	for name, value := range q.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := q.client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	r := &refusal{status: response.Status, again: code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.after = min(time.Duration(seconds)*time.Second, maxAfter)
	}
	return r
}

// appendLine adds a line to a file of JSON Lines.
func appendLine(name string, line []byte) error {
	f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
