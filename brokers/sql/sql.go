// Package sql is the adapter for effects that are rows of a database: a query is
// asked again and again, and each row that is new or has changed becomes a
// message.
//
//	SELECT … → rows → compare with the last answer → message.Event
//
// It reads and does nothing else: each query runs in a transaction that may not
// write. What changes twice between two answers is seen once, as it is then.
package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// kind is the adapter's short name.
const kind = "sql"

// every is how often a channel is asked that does not say.
const every = 200 * time.Millisecond

// Adapter returns the adapter for URLs of the form postgres://user@host/database,
// mysql://user@host/database and sqlite://path/to/file. Nothing can be published on it.
func Adapter() brokers.Adapter {
	return brokers.Adapter{
		Kind:          kind,
		Schemes:       []string{"postgres", "postgresql", "mysql", "sqlite"},
		TapOnly:       true,
		Check:         check,
		OpenTapper:    openTapper,
		OpenPublisher: openPublisher,
		Exec:          execute,
	}
}

// check reports what is wrong with a channel without asking the database.
func check(ch brokers.Channel) error {
	first, _, _ := strings.Cut(strings.TrimSpace(ch.Query), " ")
	switch {
	case ch.Reply != "":
		return fmt.Errorf("channel %s: reply: a database has no queues for replies", ch.Name)
	case ch.Query == "":
		return fmt.Errorf("channel %s: name the query whose rows are messages, such as query: SELECT id, status FROM orders", ch.Name)
	case !strings.EqualFold(strings.TrimSpace(first), "select") && !strings.EqualFold(strings.TrimSpace(first), "with"):
		return fmt.Errorf("channel %s: query: begins with %.20q: only SELECT and WITH are asked", ch.Name, first)
	case ch.Every < 0:
		return fmt.Errorf("channel %s: every: %v is no interval", ch.Name, ch.Every)
	}
	return nil
}

// openPublisher opens what refuses to publish.
func openPublisher(context.Context, brokers.Config) (brokers.Publisher, error) {
	return refusing{}, nil
}

type refusing struct{}

var errReadOnly = errors.New("a database is only read here: begin the scenario with a message, or with a call")

func (refusing) Publish(_ context.Context, ch brokers.Channel, _ brokers.Outgoing) (brokers.Receipt, error) {
	return brokers.Receipt{}, fmt.Errorf("send to %s: %w", ch.Name, errReadOnly)
}

func (refusing) Close() error { return nil }
