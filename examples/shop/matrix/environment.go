package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
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
	envOwnBehind = "FLOWCHECK_TEST_KAFKA_SYSTEM_BEHIND"
	envOwnProxy  = "FLOWCHECK_TEST_KAFKA_SYSTEM_PROXY"
	envRabbitMQ  = "FLOWCHECK_TEST_RABBITMQ"
	envMinistack = "FLOWCHECK_TEST_MINISTACK"
)

// environment is where the shop and flowcheck run.
type environment struct {
	program, flows string
	brokers        shop.Environment
	behind         shop.Environment // the brokers, seen through flowcheck's proxies
	ofFlowcheck    []string         // variables
	cut            time.Duration
	copies         int
	stretch        float64
}

// prepare makes the environment; the function undoes it.
func prepare(ctx context.Context, c config) (e *environment, undo func(), err error) {
	e = &environment{program: c.program, flows: c.flows, stretch: c.stretch, copies: c.copies, cut: time.Duration(float64(c.cut) * c.stretch), brokers: shop.Environment{
		Kafka: os.Getenv(envKafka), Rabbit: os.Getenv(envRabbitMQ), AWSEndpoint: os.Getenv(envMinistack),
	}}
	if e.brokers.Kafka == "" || e.brokers.Rabbit == "" || e.brokers.AWSEndpoint == "" {
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
	if e.flows, err = flowFiles(c); err != nil {
		return nil, nil, err
	}
	undos = append(undos, func() { os.RemoveAll(e.flows) })
	if c.load {
		busy, cancel := context.WithCancel(ctx)
		for core := range runtime.NumCPU() {
			if core%c.shards == c.shard-1 { // one for each core, over all shards
				go spin(busy)
			}
		}
		undos = append(undos, cancel)
	}
	seen := e.brokers
	if c.delay > 0 {
		closeProxies, err := delayed(&seen, c)
		if err != nil {
			undo()
			return nil, nil, err
		}
		undos = append(undos, closeProxies)
	}
	proxies, err := e.proxies(ctx)
	if err != nil {
		undo()
		return nil, nil, err
	}
	e.ofFlowcheck = append(proxies, "KAFKA="+seen.Kafka, "RABBIT="+seen.Rabbit, "AWS_ENDPOINT="+seen.AWSEndpoint)
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

// proxies says where flowcheck's proxies are to be and what is behind them, by the
// variables of the flow files, and where that is for the shop.
func (e *environment) proxies(ctx context.Context) ([]string, error) {
	behind, at := os.Getenv(envOwnBehind), os.Getenv(envOwnProxy)
	if behind == "" || at == "" {
		return nil, fmt.Errorf("%s and %s are not set", envOwnBehind, envOwnProxy)
	}
	rabbit, err := url.Parse(e.brokers.Rabbit)
	if err != nil {
		return nil, err
	}
	aws, err := url.Parse(e.brokers.AWSEndpoint)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	variables := []string{"KAFKA_PROXY=" + at, "KAFKA_BEHIND=" + behind, "RABBIT_BEHIND=" + rabbit.Host, "AWS_BEHIND=" + aws.Host}
	rabbit.Host, aws.Host = fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	e.behind = shop.Environment{Kafka: at, Rabbit: rabbit.String(), AWSEndpoint: aws.String()}
	return append(variables, "RABBIT_PROXY="+rabbit.Host, "AWS_PROXY="+aws.Host), nil
}

// freePorts finds n different ports that nobody listens on, below the range that
// systems hand out for outgoing connections: they are to be free between two cells.
func freePorts(ctx context.Context, n int) (ports []int, err error) {
	const lowest, highest, tries = 15000, 32000, 100
	for range tries {
		port := lowest + rand.IntN(highest-lowest)
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // open until all are found
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d", n, lowest, highest)
}

// brokersOf is where the shop finds its brokers for a cell: behind flowcheck's
// proxies those that the flow has, where the proxies listen.
func (e *environment) brokersOf(c cell) (shop.Environment, error) {
	at := e.brokers
	if c.Probe != "" && !slices.Contains(strings.Split(c.Probe, ","), "cut") {
		return at, nil
	}
	text, err := os.ReadFile(filepath.Join(e.flows, c.Flow+".flow.yaml"))
	if err != nil {
		return at, err
	}
	for name, put := range map[string]func(){
		"env.KAFKA_PROXY":  func() { at.Kafka = e.behind.Kafka },
		"env.RABBIT_PROXY": func() { at.Rabbit = e.behind.Rabbit },
		"env.AWS_PROXY":    func() { at.AWSEndpoint = e.behind.AWSEndpoint },
	} {
		if strings.Contains(string(text), name) {
			put()
		}
	}
	return at, nil
}

// calls are what the flow files call beside their own: the shop connects once the
// proxies listen, and is closed before they go.
const calls = `
setup: [ { post: "${env.SHOP}/restart" } ]
cleanup: [ { post: "${env.SHOP}/stop" } ]
`

// flowFiles copies the flow files into a folder, with calls and longer times.
func flowFiles(c config) (string, error) {
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
		one := longer(string(text), c.stretch) + calls
		for name, text := range map[string]string{"": one, sideBySide: copied(one, c.copies)} {
			if err := os.WriteFile(filepath.Join(dir, name+filepath.Base(f)), []byte(text), 0o600); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// sideBySide is how the names of the flow files begin whose scenarios are in copies.
const sideBySide = "copies-"

// Parts of the flow files, as they are written.
var (
	scenarioName = regexp.MustCompile(`(?m)^  - name: .*\n`)
	caseList     = regexp.MustCompile(`(?m)^    cases: \[ (.*) \]\n`)
	oneCase      = regexp.MustCompile(`\{ ([^}]*) \}`)
)

// copied has each scenario of a flow file run n times: in as many cases, or in as
// many of each case that it has.
func copied(text string, n int) string {
	starts := scenarioName.FindAllStringIndex(text, -1)
	if len(starts) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:starts[0][0]])
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, rest := text[at[0]:at[1]], text[at[1]:end]
		cases := []string{"{ }"}
		if has := caseList.FindStringSubmatch(rest); has != nil {
			cases, rest = oneCase.FindAllString(has[1], -1), caseList.ReplaceAllString(rest, "")
		}
		var all []string
		for _, c := range cases {
			for k := range n {
				all = append(all, strings.Replace(c, "{ ", fmt.Sprintf("{ copy: %d, ", k+1), 1))
			}
		}
		list := strings.ReplaceAll(strings.Join(all, ", "), ", }", " }")
		fmt.Fprintf(&b, "%s    cases: [ %s ]\n%s", name, list, rest)
	}
	return b.String()
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
