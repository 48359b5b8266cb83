package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// kind is a broker that can be installed and started, or, without start, a program that tests need beside them.
type kind struct {
	name    string
	vars    []variable
	install func(ctx context.Context, home string) error
	start   func(context.Context, testbroker.Options) (*testbroker.Broker, error)
}

// variable is one address of a broker in the environment of the command.
type variable struct {
	name  string
	value func(*testbroker.Broker) string
}

func url(b *testbroker.Broker) string          { return b.URL }
func behind(b *testbroker.Broker) string       { return b.Behind }
func proxy(b *testbroker.Broker) string        { return b.Proxy }
func systemBehind(b *testbroker.Broker) string { return strings.Join(b.SystemBehind, ",") }
func systemProxy(b *testbroker.Broker) string  { return strings.Join(b.SystemProxy, ",") }
func management(b *testbroker.Broker) string   { return b.Management }

func kinds() []kind {
	return []kind{
		{"kafka", []variable{
			{testbroker.EnvKafka, url},
			{testbroker.EnvBehind, behind},
			{testbroker.EnvProxy, proxy},
			{testbroker.EnvSystemBehind, systemBehind},
			{testbroker.EnvSystemProxy, systemProxy},
		}, installKafka, testbroker.StartKafka},
		{"rabbitmq", []variable{{testbroker.EnvRabbitMQ, url}, {testbroker.EnvManagement, management}}, installRabbitMQ, testbroker.StartRabbitMQ},
		{"ministack", []variable{{testbroker.EnvMinistack, url}}, installMinistack, testbroker.StartMinistack},
		{"elasticmq", []variable{{testbroker.EnvElasticMQ, url}}, installElasticMQ, testbroker.StartElasticMQ},
		{"mariadb", []variable{{testbroker.EnvMariaDB, url}}, installMariaDB, testbroker.StartMariaDB},
		{"postgres", []variable{{testbroker.EnvPostgres, url}}, installPostgres, testbroker.StartPostgres},
		{"chromium", nil, installChromium, nil},
	}
}

// started is what became of one kind.
type started struct {
	kind
	elsewhere         bool               // its address was in the environment
	broker            *testbroker.Broker // nil when it is elsewhere, was not to be started, or could not be
	installed, booted time.Duration
	err               error
}

// startAll installs and starts the kinds side by side. Those whose address is in the environment already are taken
// as they are.
func startAll(ctx context.Context, wanted []kind, o testbroker.Options) []started {
	all := make([]started, len(wanted))
	var wg sync.WaitGroup
	for i, k := range wanted {
		wg.Go(func() { all[i] = startOne(ctx, k, o) })
	}
	wg.Wait()
	return all
}

func startOne(ctx context.Context, k kind, o testbroker.Options) started {
	s := started{kind: k}
	o.Dir = filepath.Join(o.Dir, k.name)
	if s.elsewhere = len(k.vars) > 0 && os.Getenv(k.vars[0].name) != ""; s.elsewhere {
		return s
	}
	begin := time.Now()
	if s.err = installOne(ctx, k, o.Home); s.err != nil {
		return s
	}
	s.installed = time.Since(begin)
	if k.start == nil {
		return s
	}
	if s.err = os.Mkdir(o.Dir, 0o700); s.err != nil {
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	begin = time.Now()
	s.broker, s.err = k.start(ctx, o)
	s.booted = time.Since(begin)
	return s
}

func installOne(ctx context.Context, k kind, home string) error {
	unlock, err := lock(filepath.Join(home, k.name+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return k.install(ctx, home)
}

// stopAll ends the brokers side by side.
func stopAll(all []started) []error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		if s.broker == nil {
			continue
		}
		wg.Go(func() {
			if err := s.broker.Discard(); err != nil {
				errs[i] = fmt.Errorf("stop %s: %w", s.name, err)
			}
		})
	}
	wg.Wait()
	return errs
}
