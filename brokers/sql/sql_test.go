package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // which the program has only with -tags sqlite

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

// The conformance suite is not for this adapter: it compares messages with what
// was published, byte for byte, and a row is made of columns.

// database is one that the tests write to, as the system would.
type database struct {
	*dbsql.DB
	cfg brokers.Config
}

func (d *database) exec(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := d.ExecContext(t.Context(), fmt.Sprintf(format, args...)); err != nil {
		t.Fatal(err)
	}
}

// databases are those that a test runs on, each with a table `name` of its own.
func databases(t *testing.T, test func(t *testing.T, d *database)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "shop.db")
		db, err := dbsql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		d := &database{db, brokers.Config{URL: "sqlite:" + path}}
		d.exec(t, "PRAGMA journal_mode=WAL")
		t.Cleanup(func() { db.Close() })
		test(t, d)
	})
	t.Run("postgres", func(t *testing.T) { onServer(t, testbroker.Postgres(t), test) })
	t.Run("mariadb", func(t *testing.T) { onServer(t, testbroker.MariaDB(t), test) })
}

// onServer gives the test a database of its own on the server at url.
func onServer(t *testing.T, url string, test func(t *testing.T, d *database)) {
	admin, err := open(brokers.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	name := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	(&database{DB: admin}).exec(t, "CREATE DATABASE %s", name)
	own := url[:strings.LastIndexByte(url, '/')+1] + name
	db, err := open(brokers.Config{URL: own})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		_, _ = admin.ExecContext(context.Background(), "DROP DATABASE "+name)
		admin.Close()
	})
	test(t, &database{db, brokers.Config{URL: own}})
}

// armed taps the channel. The tap is closed at the end, and then nothing of it is
// left running.
func (d *database) armed(t *testing.T, ch brokers.Channel, start brokers.Start) (brokers.Tap, chan message.Event) {
	t.Helper()
	tapper := d.tapper(t)
	events := make(chan message.Event, 100)
	tap, err := tapper.Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Start: start, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return tap, events
}

func (d *database) tapper(t *testing.T) brokers.Tapper {
	t.Helper()
	cfg := d.cfg
	cfg.Log = slog.New(slog.DiscardHandler)
	tapper, err := openTapper(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tapper.Close(); err != nil {
			t.Error(err)
		}
	})
	return tapper
}

// caught are the events up to the moment of the call.
func caught(t *testing.T, tap brokers.Tap, events chan message.Event) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := tap.CatchUp(ctx)
	if err != nil || !c.Exact {
		t.Fatalf("catch up: %v, exact %v", err, c.Exact)
	}
	text := ""
	for len(events) > 0 {
		o := (<-events).Observation
		text += fmt.Sprintf("%s %s %s %s\n", o.Position, o.Key, o.Properties["row"], o.Payload)
	}
	return text
}

func orders() brokers.Channel {
	return brokers.Channel{Name: "orders", Query: "SELECT id, status FROM orders ORDER BY id", Every: time.Hour}
}

func TestNewAndChangedRowsAreMessages(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR(20))")
		d.exec(t, "INSERT INTO orders VALUES (1, 'old')")
		tap, events := d.armed(t, orders(), brokers.Start{})
		if got := caught(t, tap, events); got != "" {
			t.Errorf("before anything happened: %s", got)
		}
		d.exec(t, "INSERT INTO orders VALUES (2, 'placed'), (3, NULL)")
		if got, want := caught(t, tap, events), "1 2 new {\"id\":2,\"status\":\"placed\"}\n2 3 new {\"id\":3,\"status\":null}\n"; got != want {
			t.Errorf("%s, not %s", got, want)
		}
		d.exec(t, "UPDATE orders SET status = 'paid' WHERE id = 2")
		if got, want := caught(t, tap, events), "3 2 changed {\"id\":2,\"status\":\"paid\"}\n"; got != want {
			t.Errorf("%s, not %s", got, want)
		}
		d.exec(t, "DELETE FROM orders WHERE id = 2")
		if got := caught(t, tap, events); got != "" {
			t.Errorf("after a row was deleted: %s", got)
		}
		d.exec(t, "INSERT INTO orders VALUES (2, 'paid')")
		if got, want := caught(t, tap, events), "4 2 new {\"id\":2,\"status\":\"paid\"}\n"; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	})
}

func TestATapMayBeginAtTheBeginning(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR(20))")
		d.exec(t, "INSERT INTO orders VALUES (1, 'old')")
		tap, events := d.armed(t, orders(), brokers.Start{At: brokers.StartBeginning})
		if got, want := caught(t, tap, events), "1 1 new {\"id\":1,\"status\":\"old\"}\n"; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	})
}

// Without being asked, it asks at its interval.
func TestItAsksByItself(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR(20))")
		ch := orders()
		ch.Every = time.Millisecond
		_, events := d.armed(t, ch, brokers.Start{})
		d.exec(t, "INSERT INTO orders VALUES (1, 'placed')")
		select {
		case e := <-events:
			if string(e.Observation.Payload) != `{"id":1,"status":"placed"}` || e.Observation.Seen.IsZero() || !e.Observation.Time.IsZero() {
				t.Errorf("%+v", e.Observation)
			}
		case <-time.After(time.Minute):
			t.Error("nothing came")
		}
	})
}

func TestRowsAreToldApartByTheirKeys(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE order_lines (orders INTEGER, line INTEGER, sku VARCHAR(20))")
		d.exec(t, "INSERT INTO order_lines VALUES (1, 1, 'a'), (1, 2, 'b')")
		ch := brokers.Channel{Name: "lines", Query: "SELECT orders, line, sku FROM order_lines", Every: time.Hour}
		tapper := d.tapper(t)
		arm := func() error {
			_, err := tapper.Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
			return err
		}
		if err := arm(); err == nil || !strings.Contains(err.Error(), `two rows have the key "1"`) {
			t.Error(err)
		}
		ch.RowKeys = []string{"orders", "nr"}
		if err := arm(); err == nil || !strings.Contains(err.Error(), "no column nr; there are orders, line, sku") {
			t.Error(err)
		}
		ch.RowKeys = []string{"orders", "line"}
		if err := arm(); err != nil {
			t.Error(err)
		}
	})
}

func TestPostgresTypesArriveExact(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		if !strings.HasPrefix(d.cfg.URL, "postgres") {
			t.Skip("SQLite has no such types")
		}
		const query = `SELECT 1 AS id, 9223372036854775807::bigint AS big, 0.10::numeric AS dec, '{"a": [1]}'::jsonb AS doc, '\xff00'::bytea AS bin,
 DATE '2026-11-22' AS day, TIMESTAMPTZ '2026-11-22 10:00:00.5+00' AS at, true AS yes, 'NaN'::float8 AS nan, 'é' AS txt, ARRAY[1,2] AS arr,
 '7f1ee2bd-1111-4222-8333-123456789abc'::uuid AS uid`
		tap, events := d.armed(t, brokers.Channel{Name: "types", Query: query}, brokers.Start{At: brokers.StartBeginning})
		want := `1 1 new {"id":1,"big":9223372036854775807,"dec":0.10,"doc":{"a":[1]},"bin":"/wA=","day":"2026-11-22","at":"2026-11-22T10:00:00.5Z",` +
			`"yes":true,"nan":"NaN","txt":"é","arr":"{1,2}","uid":"7f1ee2bd-1111-4222-8333-123456789abc"}` + "\n"
		if got := caught(t, tap, events); got != want {
			t.Errorf("\n%s, not\n%s", got, want)
		}
	})
}

func TestMariaDBTypesArriveExact(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		if !strings.HasPrefix(d.cfg.URL, "mysql") {
			t.Skip("for MariaDB")
		}
		d.exec(t, `CREATE TABLE types (id INT, big BIGINT, huge BIGINT UNSIGNED, `+"`dec`"+` DECIMAL(10,2), doc JSON, bin VARBINARY(9), day DATE, at DATETIME(3), yes BOOLEAN, txt VARCHAR(9), f DOUBLE, e ENUM('NEW','PAID'))`)
		d.exec(t, `INSERT INTO types VALUES (1, 9223372036854775807, 18446744073709551615, 0.10, '{"a": [1]}', X'FF00', '2026-11-22', '2026-11-22 10:00:00.5', true, 'é', 0.1, 'PAID')`)
		tap, events := d.armed(t, brokers.Channel{Name: "types", Query: "SELECT * FROM types"}, brokers.Start{At: brokers.StartBeginning})
		want := `1 1 new {"id":1,"big":9223372036854775807,"huge":18446744073709551615,"dec":0.10,"doc":"{\"a\": [1]}","bin":"/wA=","day":"2026-11-22",` +
			`"at":"2026-11-22T10:00:00.5Z","yes":1,"txt":"é","f":0.1,"e":"PAID"}` + "\n"
		if got := caught(t, tap, events); got != want {
			t.Errorf("\n%s, not\n%s", got, want)
		}
	})
}

func TestExecute(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		if err := execute(t.Context(), d.cfg, []string{"INSERT INTO orders VALUES (1)", "INSERT INTO orders VALUES (2)"}); err != nil {
			t.Fatal(err)
		}
		err := execute(t.Context(), d.cfg, []string{"DELETE FROM orders", "DELETE FROM no_such_table"})
		if err == nil || !strings.Contains(err.Error(), `statement 2, "DELETE FROM no_such_table"`) {
			t.Errorf("got %v", err)
		}
		var n int
		if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 2 {
			t.Errorf("%d rows, %v: half of it was done", n, err)
		}
	})
}

func TestATapWritesNothing(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
		d.exec(t, "INSERT INTO orders VALUES (1)")
		query := "WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone"
		_, err := d.tapper(t).Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{{Name: "evil", Query: query}}})
		if err == nil {
			t.Error("it was let through")
		}
		var n int
		if err := d.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	databases(t, func(t *testing.T, d *database) {
		server := !strings.HasPrefix(d.cfg.URL, "sqlite")
		absent := errQuery
		if server {
			absent = brokers.ErrAbsent
		}
		for query, want := range map[string]error{"SELECT id FROM no_such_table": absent, "SELECT id FROM": errQuery} {
			_, err := d.tapper(t).Tap(t.Context(), brokers.TapConfig{Channels: []brokers.Channel{{Name: "orders", Query: query}}})
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "orders") {
				t.Errorf("%s: %v", query, err)
			}
		}
		if !server {
			return
		}
		cfg := d.cfg
		cfg.Password = "s3cret-and-wrong"
		if _, err := openTapper(t.Context(), cfg); !errors.Is(err, brokers.ErrRefused) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a wrong password: %v", err)
		}
		cfg.TLS = &brokers.TLS{}
		if _, err := openTapper(t.Context(), cfg); !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "SSL") && !strings.Contains(err.Error(), "TLS") {
			t.Errorf("TLS against a server without: %v", err)
		}
	})
}

func TestNobodyThere(t *testing.T) {
	for _, url := range []string{
		"postgres://me:s3cret@127.0.0.1:1/shop", "mysql://me:s3cret@127.0.0.1:1/shop", "sqlite:/no/such/file.db",
	} {
		_, err := openTapper(t.Context(), brokers.Config{URL: url})
		if !errors.Is(err, brokers.ErrUnreachable) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"postgres://%zz", "mysql:", "sqlite:"} {
		if _, err := openTapper(t.Context(), brokers.Config{URL: url}); err == nil || errors.Is(err, brokers.ErrUnreachable) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestWrongChannels(t *testing.T) {
	for says, ch := range map[string]brokers.Channel{
		"name the query":           {},
		"only SELECT and WITH":     {Query: "DELETE FROM orders"},
		"every: -1s is no interva": {Query: "SELECT 1", Every: -time.Second},
	} {
		if err := check(ch); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", ch, err)
		}
	}
	if _, err := (refusing{}).Publish(t.Context(), brokers.Channel{Name: "orders"}, brokers.Outgoing{}); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
