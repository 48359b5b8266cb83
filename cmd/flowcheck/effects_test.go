package main

import (
	"context"
	dbsql "database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite" // which the program has only with -tags sqlite

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

const effectsFlow = `flowcheck: 1
flow: effects
brokers:
  events: "kafka://%s"
  web: "http://127.0.0.1:%d"
  shop: "sqlite://%s"
channels:
  orders: { broker: events, topic: orders }
  mails:
    broker: web
    path: /mails
    method: POST
    answer: [ { status: 503 }, { status: 202, body: { accepted: true } } ]
  rows: { broker: shop, query: "SELECT id, ref, status FROM orders", every: 10ms }
correlate: { order: body.ref }
steps:
  placed: { channel: orders }
  mailed: { channel: mails, after: placed, count: 2, within: 20s, check: body.to == placed.body.to }
  stored: { channel: rows, after: placed, within: 20s, check: body.status == "%s" }
scenarios:
  - name: an order is mailed and stored
    send: { to: orders, body: { ref: "${id}", to: "${fake.email()}" } }
`

// mailer is a system that mails each order, once more where the mail service is
// not there, and then stores it.
type mailer struct {
	testing.TB
	client  *kgo.Client
	db      *dbsql.DB
	mailURL string
}

func (m *mailer) run(ctx context.Context) {
	for {
		fetched := m.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetched.EachRecord(func(r *kgo.Record) { m.order(ctx, r.Value) })
	}
}

func (m *mailer) order(ctx context.Context, body []byte) {
	var order struct{ Ref string }
	if err := json.Unmarshal(body, &order); err != nil {
		m.Error(err)
		return
	}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.mailURL, strings.NewReader(string(body)))
		if err != nil {
			m.Error(err)
			return
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return // the run has ended
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusAccepted {
			break
		}
	}
	if _, err := m.db.ExecContext(ctx, "INSERT INTO orders (ref, status) VALUES (?, 'PAID')", order.Ref); err != nil && ctx.Err() == nil {
		m.Error(err)
	}
}

// TestEffectsThatAreNoMessages: calls over HTTP and rows of a database are steps,
// with their checks, live and in the recording.
func TestEffectsThatAreNoMessages(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	file := filepath.Join(t.TempDir(), "shop.db")
	db, err := dbsql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT, status TEXT)"); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	port := testbroker.FreePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&mailer{t, client, db, fmt.Sprintf("http://127.0.0.1:%d/mails", port)}).run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		client.Close()
		db.Close()
	})
	for status, want := range map[string]int{"PAID": exitPass, "SHIPPED": exitFail} {
		flow := write(t, "effects.flow.yaml", fmt.Sprintf(effectsFlow, cluster.ListenAddrs()[0], port, file, status))
		recording := filepath.Join(t.TempDir(), "run.jsonl")
		p := start(t, "run", flow, "--record", recording)
		if code := p.code(); code != want {
			t.Errorf("%s: exit code %d: %s%s", status, code, &p.out, &p.errs)
		}
		if v := start(t, "verify", flow, recording); v.code() != want {
			t.Errorf("%s: verify: %s%s", status, &v.out, &v.errs)
		}
	}
}

func TestNothingIsSentToAnEffect(t *testing.T) {
	t.Parallel()
	flow := write(t, "wrong.flow.yaml", `flowcheck: 1
flow: wrong
brokers: { web: "http://127.0.0.1:8099" }
channels: { mails: { broker: web, path: /mails } }
correlate: { order: body.ref }
steps: { mailed: { channel: mails } }
scenarios: [ { name: n, send: { to: mails, body: { ref: 1 } } } ]
`)
	p := start(t, "lint", flow)
	if code := p.code(); code != exitInput || !strings.Contains(p.errs.String(), "sends to mails, but nothing can be sent to a broker of the kind http") {
		t.Errorf("exit code %d: %s", code, &p.errs)
	}
}
