// Package testbroker starts and stops real brokers for tests: Apache Kafka, RabbitMQ, and the emulators
// ministack (SNS and SQS) and ElasticMQ (SQS); and PostgreSQL.
//
// Every broker is a plain child process with its own free ports on 127.0.0.1 and its own data directory. It is
// started without a shell, counted as ready once it answers, and ended by its process id. What has to be
// installed first lies in a home directory (see Home) and is put there by internal/withbrokers.
//
// A test has two ways in. Kafka, RabbitMQ, Management, Ministack and ElasticMQ give the address of a broker that
// all tests share, started by internal/withbrokers. OwnKafka and its siblings start a broker for one test, which
// may kill and restart it.
package testbroker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Options says where a broker finds its program and where it may write.
type Options struct {
	Home string // where the programs are installed; "" is Home()
	Dir  string // an existing directory for data, configuration and output; nothing is written outside it
	// Systems is how many listeners a Kafka has for systems under test, each behind a proxy of its own; 0 is 1.
	Systems int
}

func (o Options) home() string {
	if o.Home != "" {
		return o.Home
	}
	return Home()
}

// Broker is a running broker. Its methods may be called from any goroutine.
type Broker struct {
	Name       string // "kafka", "rabbitmq", "ministack", "elasticmq", "mariadb" or "postgres"
	URL        string // Kafka: host:port; RabbitMQ: amqp URL with the login; else: http URL
	Management string // RabbitMQ: http URL of the management API, with the login; else ""
	Stream     string // RabbitMQ: host:port of the stream protocol; else ""
	// Kafka: a second listener, at Behind, tells its clients to come to Proxy, where nobody listens unless a test
	// starts a proxy there; else "".
	Behind, Proxy string
	// Kafka: further listeners of that kind, each for a system under test while flowcheck is behind the second.
	SystemBehind, SystemProxy []string

	mu      sync.Mutex
	helpers []*process // started before the broker and ended after it
	server  *process
}

// Pid is the process id of the broker's server, 0 while it is not running.
func (b *Broker) Pid() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server.pid()
}

// Stop asks the broker to end and waits until it has; after half a minute it is killed. Its data stays. A broker
// that is not running is no error.
func (b *Broker) Stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stop()
}

func (b *Broker) stop() error {
	err := b.server.stop(30 * time.Second)
	for _, h := range b.helpers {
		if e := h.stop(5 * time.Second); err == nil {
			err = e
		}
	}
	return err
}

// Kill ends the server with SIGKILL, as a crash would, and waits until it is gone. Its data stays.
func (b *Broker) Kill() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server.end(syscall.SIGKILL, 10*time.Second)
}

// Discard ends the broker at once, for when its data is no longer wanted.
func (b *Broker) Discard() error {
	return errors.Join(b.Kill(), b.Stop())
}

// Restart starts the broker again on the same ports and data, after stopping it if it still runs, and returns once
// it answers.
func (b *Broker) Restart(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.stop(); err != nil {
		return fmt.Errorf("restart %s: %w", b.Name, err)
	}
	return b.start(ctx)
}

// start starts helpers and server and waits until the broker answers; after an error nothing is left running.
func (b *Broker) start(ctx context.Context) error {
	for _, p := range slices.Concat(b.helpers, []*process{b.server}) {
		if err := p.start(ctx); err != nil {
			_ = b.stop()
			return fmt.Errorf("start %s: %w", b.Name, err)
		}
	}
	return nil
}

// Home is the directory with the installed programs: FLOWCHECK_TEST_HOME, else flowcheck-test in the user's cache
// directory.
func Home() string {
	if h := os.Getenv("FLOWCHECK_TEST_HOME"); h != "" {
		return h
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "flowcheck-test")
}

// address is 127.0.0.1 with the port.
func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// writeFile writes a configuration file that only its owner may read.
func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
