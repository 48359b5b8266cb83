package main

import (
	dbsql "database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	_ "modernc.org/sqlite" // which the program has only with -tags sqlite
)

const errandsFlow = `flowcheck: 1
flow: errands
settle: 10ms
brokers:
  tasks: { url: "${env.RABBIT}", management: "${env.MANAGEMENT}" }
  shop: "sqlite://${env.DB}"
channels:
  shipments: { broker: tasks, exchange: EXCHANGE }
  parked: { broker: tasks, queue: parked, own: true }
correlate: { order: body.orderId }
steps: { shipped: { channel: shipments } }
setup:
  - { broker: shop, sql: [ "CREATE TABLE log (word TEXT)", "INSERT INTO log VALUES ('setup')" ] }
  - { purge: parked }
cleanup:
  - { broker: shop, sql: "INSERT INTO no_such_table VALUES (1)" }
  - { broker: shop, sql: "INSERT INTO log VALUES ('cleanup')" }
  - { purge: parked }
scenarios: [ { name: a shipment, send: { to: shipments, properties: { routing-key: parked }, body: { orderId: "${id}" } } } ]
`

// TestErrandsOfSetupAndCleanup: SQL and the purge of one's own queue come before
// everything and after it, whether the run was judged or not.
func TestErrandsOfSetupAndCleanup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q, err := s.amqp.QueueDeclare("parked", true, false, false, false, nil)
	s.must(err)
	s.must(s.amqp.QueueBind(q.Name, "parked", "shipping", false, nil))
	s.must(s.amqp.ExchangeDeclare("other", amqp091.ExchangeTopic, true, false, false, false, nil))
	for exchange, want := range map[string]int{"shipping": exitPass, "no-such-exchange": exitUnknown} {
		s.must(s.amqp.PublishWithContext(t.Context(), "", "parked", false, false, amqp091.Publishing{Body: []byte(`{"orderId":"old"}`)}))
		file := filepath.Join(t.TempDir(), "shop.db")
		db, err := dbsql.Open("sqlite", file)
		s.must(err)
		_, err = db.ExecContext(t.Context(), "CREATE TABLE other (id INTEGER)")
		s.must(err)
		flow := write(t, "errands.flow.yaml", strings.Replace(errandsFlow, "EXCHANGE", exchange, 1))
		p := s.start("MANAGEMENT="+s.api, "DB="+file, "run", flow)
		if code := p.code(); code != want {
			t.Errorf("%s: exit code %d: %s%s", exchange, code, &p.out, &p.errs)
		}
		if told := p.out.String() + p.errs.String(); !strings.Contains(told, "cleanup: sql on shop: ") || !strings.Contains(told, "no such table: no_such_table") {
			t.Errorf("%s: what failed is not told: %s", exchange, told)
		}
		var words string
		s.must(db.QueryRowContext(t.Context(), "SELECT group_concat(word) FROM log").Scan(&words))
		if words != "setup,cleanup" {
			t.Errorf("%s: the log has %s", exchange, words)
		}
		s.must(db.Close())
		if _, found, err := s.amqp.Get("parked", true); err != nil || found {
			t.Errorf("%s: the queue was not purged: %v", exchange, err)
		}
	}
}

// TestErrandsThatAreRefused: above all, what is not said to be one's own is not
// purged.
func TestErrandsThatAreRefused(t *testing.T) {
	t.Parallel()
	const whole = `flowcheck: 1
flow: wrong
brokers: { tasks: "amqp://localhost", events: "kafka://localhost", shop: "postgres://localhost/shop" }
channels:
  orders: { broker: events, topic: orders }
  parked: { broker: tasks, queue: parked, own: true }
  work:   { broker: tasks, queue: work }
  CHANNEL
correlate: { order: body.orderId }
steps: { placed: { channel: orders } }
setup: [ ERRAND ]
`
	for _, c := range []struct{ errand, channel, want string }{
		{"{ purge: work }", "", `channel "work" is not said to be one's own, and a purge takes away what others may need: say own: true`},
		{"{ purge: orders }", "", `channel "orders" is not said to be one's own`},
		{"{ purge: nowhere }", "", `there is no channel "nowhere"`},
		{"{ broker: nowhere, sql: SELECT 1 }", "", `there is no broker "nowhere"`},
		{"{ broker: events, sql: SELECT 1 }", "", "sql on events: a broker of the kind kafka has no SQL"},
		{"{ sql: SELECT 1 }", "", "has `sql` but no `broker`"},
		{"{ purge: parked, sql: SELECT 1 }", "", "has `sql` and `purge`"},
		{"{ purge: parked, broker: tasks }", "", "`purge` names a channel, which has its broker"},
		{"[ ./seed ]", "x: { broker: events, topic: x, own: true }", "has `own`, which is for a `queue`, or an `sqs` alone"},
	} {
		flow := write(t, "wrong.flow.yaml", strings.NewReplacer("ERRAND", c.errand, "CHANNEL", c.channel).Replace(whole))
		if p := start(t, "lint", flow); p.code() != exitInput || !strings.Contains(p.errs.String(), c.want) {
			t.Errorf("%s: no %q in %s", c.errand, c.want, &p.errs)
		}
	}
	flow := write(t, "right.flow.yaml", strings.NewReplacer("ERRAND", `{ purge: parked }, { broker: shop, sql: "DELETE FROM orders" }, [ ./seed ]`, "CHANNEL", "").Replace(whole))
	if p := start(t, "lint", flow); p.code() != exitPass {
		t.Errorf("%s", &p.errs)
	}
}
