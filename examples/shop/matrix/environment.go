package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// The variables in which internal/withbrokers says where the brokers are.
const (
	envKafka     = "FLOWCHECK_TEST_KAFKA"
	envBehind    = "FLOWCHECK_TEST_KAFKA_BEHIND"
	envProxy     = "FLOWCHECK_TEST_KAFKA_PROXY"
	envRabbitMQ  = "FLOWCHECK_TEST_RABBITMQ"
	envMinistack = "FLOWCHECK_TEST_MINISTACK"
)

// environment is where a shop and flowcheck run. Several are side by side on the same
// brokers, where their names begin differently.
type environment struct {
	program, flows string
	brokers        shop.Environment
	proxies        *shop.Proxies
	ofFlowcheck    []string // variables
	cut            time.Duration
	copies         int
	parallel       int
	stretch        float64
}

// prepare makes an environment for each listener that Kafka has for a system; the
// function undoes it.
func prepare(ctx context.Context, c config) (all []*environment, undo func(), err error) {
	brokers, err := brokersOfTests()
	if err != nil {
		return nil, nil, err
	}
	var undos []func()
	undo = func() {
		for _, u := range undos {
			u()
		}
	}
	if c.load {
		undos = append(undos, c.spins(ctx))
	}
	seen := brokers
	if c.delay > 0 {
		closeProxies, err := delayed(&seen, c)
		if err != nil {
			undo()
			return nil, nil, err
		}
		undos = append(undos, closeProxies)
	}
	listeners, err := shop.TestListeners()
	for i := 0; i < len(listeners) && err == nil; i++ {
		e := &environment{program: c.program, stretch: c.stretch, copies: c.copies, parallel: c.parallel, cut: time.Duration(float64(c.cut) * c.stretch), brokers: brokers}
		e.brokers.Prefix = fmt.Sprintf("shop%d-", i+1)
		if e.flows, err = flowFiles(c, e.brokers.Prefix); err != nil {
			break
		}
		undos = append(undos, func() { os.RemoveAll(e.flows) })
		if e.proxies, err = shop.PlanProxies(ctx, e.brokers, listeners[i]); err != nil {
			break
		}
		e.ofFlowcheck = append(e.proxies.Variables, "KAFKA="+seen.Kafka, "RABBIT="+seen.Rabbit, "AWS_ENDPOINT="+seen.AWSEndpoint)
		all = append(all, e)
	}
	if err != nil {
		undo()
		return nil, nil, err
	}
	return all, undo, nil
}

// brokersOfTests are those that withbrokers has started.
func brokersOfTests() (shop.Environment, error) {
	brokers := shop.Environment{Kafka: os.Getenv(envKafka), Rabbit: os.Getenv(envRabbitMQ), AWSEndpoint: os.Getenv(envMinistack)}
	if brokers.Kafka == "" || brokers.Rabbit == "" || brokers.AWSEndpoint == "" {
		return brokers, errors.New("no brokers: go run ./internal/withbrokers -only kafka,rabbitmq,ministack -- …")
	}
	return brokers, errors.Join(
		os.Setenv("AWS_ACCESS_KEY_ID", "test"), os.Setenv("AWS_SECRET_ACCESS_KEY", "test"), os.Setenv("AWS_EC2_METADATA_DISABLED", "true"))
}

// spins keeps each core busy, of several shards one each.
func (c config) spins(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	for core := range runtime.NumCPU() {
		if core%c.shards == c.shard-1 {
			go spin(ctx)
		}
	}
	return stop
}

// spin keeps a core busy.
func spin(ctx context.Context) {
	for n := uint64(1); ; n++ {
		if n%(1<<20) == 0 && ctx.Err() != nil {
			return
		}
	}
}

// brokersOf is where the shop finds its brokers for a cell: behind flowcheck's
// proxies those that the flow has, where the proxies listen.
func (e *environment) brokersOf(c cell) (shop.Environment, error) {
	at := e.brokers
	if c.Probe != "" && !slices.Contains(strings.Split(c.Probe, ","), "cut") {
		return at, nil
	}
	return e.proxies.Environment(filepath.Join(e.flows, c.Flow+".flow.yaml"))
}

// delayed puts a proxy in front of each broker, for flowcheck alone. A Kafka tells
// its clients where it is: its second listener says it is at the proxy.
func delayed(seen *shop.Environment, c config) (closeAll func(), err error) {
	behind, at := os.Getenv(envBehind), os.Getenv(envProxy)
	if behind == "" || at == "" {
		return nil, fmt.Errorf("-delay: %s and %s are not set", envBehind, envProxy)
	}
	rabbit, err := url.Parse(seen.Rabbit)
	if err != nil {
		return nil, err
	}
	aws, err := url.Parse(seen.AWSEndpoint)
	if err != nil {
		return nil, err
	}
	srv := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	var proxies []*toxiproxy.Proxy
	closeAll = func() {
		for _, p := range proxies {
			p.Stop()
		}
	}
	add := func(listen, upstream string) (string, error) {
		p := toxiproxy.NewProxy(srv, upstream, listen, upstream)
		if err := p.Start(); err != nil {
			return "", err
		}
		proxies = append(proxies, p)
		_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name":"delay","type":"latency","stream":"downstream","attributes":{"latency":%d}}`, c.delay.Milliseconds())))
		return p.Listen, err
	}
	var errs [3]error
	seen.Kafka, errs[0] = add(at, behind)
	rabbit.Host, errs[1] = add("127.0.0.1:0", rabbit.Host)
	aws.Host, errs[2] = add("127.0.0.1:0", aws.Host)
	if err := errors.Join(errs[:]...); err != nil {
		closeAll()
		return nil, err
	}
	seen.Rabbit, seen.AWSEndpoint = rabbit.String(), aws.String()
	return closeAll, nil
}
