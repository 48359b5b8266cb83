package notify

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/flowcheck/flowcheck/internal/post"
)

// A notification is tried so often, and so long after the first failure; then
// 2 s, 4 s, 8 s, or as long as the target asks for.
const (
	tries    = 5
	firstTry = time.Second
)

// postTo is where a target's notifications are posted to.
func postTo(t *Target) *post.Target {
	return &post.Target{
		URL: t.URL, Headers: t.Headers, ContentType: "application/json",
		Tries: tries, Pause: firstTry, Again: mayHelp, Client: post.NewClient(),
	}
}

// mayHelp tells which answers are worth another try.
func mayHelp(code int) bool {
	return code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// send tells the target.
func (q *queue) send(ctx context.Context, a *Alert) error {
	data, err := q.payload(a)
	if err != nil {
		return err
	}
	if q.Kind == "file" {
		return appendLine(q.Path, data)
	}
	return q.to.Send(ctx, data)
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
