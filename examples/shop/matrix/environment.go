package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

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

// environment is where the shop and flowcheck run.
type environment struct {
	program, flows string
	ofShop         shop.Environment
	ofFlowcheck    []string // variables
	stretch        float64
	slice          bool
}

// prepare makes the environment; the function undoes it.
func prepare(ctx context.Context, c config) (e *environment, undo func(), err error) {
	e = &environment{program: c.program, flows: c.flows, stretch: c.stretch, slice: c.slice, ofShop: shop.Environment{
		Kafka: os.Getenv(envKafka), Rabbit: os.Getenv(envRabbitMQ), AWSEndpoint: os.Getenv(envMinistack),
	}}
	if e.ofShop.Kafka == "" || e.ofShop.Rabbit == "" || e.ofShop.AWSEndpoint == "" {
		return nil, nil, errors.New("no brokers: go run ./internal/withbrokers -only kafka,rabbitmq,ministack -- …")
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, nil, err
		}
	}
	var undos []func()
	undo = func() {
		for _, u := range undos {
			u()
		}
	}
	if c.stretch > 1 {
		dir, err := stretched(c)
		if err != nil {
			return nil, nil, err
		}
		e.flows = dir
		undos = append(undos, func() { os.RemoveAll(dir) })
	}
	if c.load {
		busy, cancel := context.WithCancel(ctx)
		for range runtime.NumCPU() {
			go spin(busy)
		}
		undos = append(undos, cancel)
	}
	seen := e.ofShop
	if c.delay > 0 {
		closeProxies, err := delayed(&seen, c)
		if err != nil {
			undo()
			return nil, nil, err
		}
		undos = append(undos, closeProxies)
	}
	e.ofFlowcheck = []string{"KAFKA=" + seen.Kafka, "RABBIT=" + seen.Rabbit, "AWS_ENDPOINT=" + seen.AWSEndpoint}
	return e, undo, nil
}

// spin keeps a core busy.
func spin(ctx context.Context) {
	for n := uint64(1); ; n++ {
		if n%(1<<20) == 0 && ctx.Err() != nil {
			return
		}
	}
}

// duration finds the times of a flow file.
var duration = regexp.MustCompile(`\b(within|timeout|settle|p95|p99|grace): (\d+)(ms|s)\b`)

// stretched copies the flow files into a folder, with longer times.
func stretched(c config) (string, error) {
	dir, err := os.MkdirTemp("", "matrix-")
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(c.flows, "*.flow.yaml"))
	if err != nil {
		return "", err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		text = []byte(longer(string(text), c.stretch))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// longer stretches each time of a flow file.
func longer(text string, by float64) string {
	return duration.ReplaceAllStringFunc(text, func(m string) string {
		parts := duration.FindStringSubmatch(m)
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			return m
		}
		if parts[3] == "s" {
			n *= 1000
		}
		return fmt.Sprintf("%s: %dms", parts[1], int(float64(n)*by))
	})
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
