package testbroker

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Settle returns once all that a RabbitMQ has confirmed of queues, exchanges, bindings, vhosts and users is in its
// files, so that it outlives Kill. RabbitMQ answers a declaration before.
//
// Its store, Mnesia, logs a transaction and then the decision to commit it; at the next start a transaction without
// a decision is undone. Both go through one process each, in order: when those of a queue declared now are in the
// log, then so are all before.
func (b *Broker) Settle(ctx context.Context) error {
	fence := "fence-" + strings.ToLower(rand.Text())
	queue := b.Management + "/api/queues/%2F/" + fence
	if err := b.manage(ctx, http.MethodPut, queue, `{"durable":true}`); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !b.committed(fence) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: the declaration of queue %s is not in its files", b.Name, ctx.Err(), fence)
		case <-tick.C:
		}
	}
	return b.manage(ctx, http.MethodDelete, queue, "")
}

// manage asks the management API for a change.
func (b *Broker) manage(ctx context.Context, method, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s is answered by %s", method, req.URL.Redacted(), res.Status)
	}
	return nil
}

// committed tells whether the declaration of a durable queue is in the files: in the table, where the log has been
// merged into it, or in the log with its decision.
func (b *Broker) committed(queue string) bool {
	table, _ := filepath.Glob(filepath.Join(b.server.dir, "mnesia", "*", "rabbit_durable_queue.DC*"))
	log, _ := filepath.Glob(filepath.Join(b.server.dir, "mnesia", "*", "LATEST.LOG"))
	return slices.ContainsFunc(table, func(path string) bool {
		content, _ := os.ReadFile(path)
		return bytes.Contains(content, []byte(queue))
	}) || slices.ContainsFunc(log, func(path string) bool {
		content, _ := os.ReadFile(path)
		return decided(content, queue)
	})
}

// decided tells whether a log of Mnesia has the transaction that contains the text, and its decision. A transaction
// begins {decision, {tid, …}, presume_abort, …}, its decision is {decision, {tid, …}, committed, …}, as Erlang's
// external terms.
func decided(log []byte, text string) bool {
	at := bytes.Index(log, []byte(text))
	if at < 0 {
		return false
	}
	presumed := bytes.LastIndex(log[:at], []byte("presume_abort"))
	tid := bytes.LastIndex(log[:max(0, presumed)], []byte("tid"))
	if tid < 0 {
		return false
	}
	const head = 3 // the most bytes that stand before an atom's text
	id, rest := log[tid:presumed-head], log[at:]
	for {
		next := bytes.Index(rest, id)
		if next < 0 {
			return false
		}
		rest = rest[next+len(id):]
		if bytes.Contains(rest[:min(len(rest), head+len("committed"))], []byte("committed")) {
			return true
		}
	}
}
