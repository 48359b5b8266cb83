package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// counter publishes 0, 1, 2 … to partition 0 until it is stopped, each again
// until it is accepted.
type counter struct {
	stop chan struct{}
	done sync.WaitGroup
	sent int
}

func count(t testing.TB, e *env, topic string) *counter {
	t.Helper()
	c := &counter{stop: make(chan struct{})}
	conf := plainConfig()
	conf.Producer.Idempotent = true // else a lost acknowledgement doubles a message
	conf.Net.MaxOpenRequests = 1
	conf.Producer.Retry.Max = 1000
	conf.Producer.Retry.Backoff = 20 * time.Millisecond
	conf.Metadata.Retry.Max = 1000
	conf.Metadata.Retry.Backoff = 20 * time.Millisecond
	p, err := sarama.NewSyncProducer(e.seeds(), conf)
	must(t, err)
	tick := time.NewTicker(2 * time.Millisecond)
	c.done.Go(func() {
		defer p.Close()
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			}
			text := fmt.Sprint(c.sent)
			if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(text)}); err != nil {
				t.Errorf("send %s: %v", text, err)
				return
			}
			c.sent++
		}
	})
	return c
}

// end stops the counter and returns all that was accepted.
func (c *counter) end() (all []string) {
	close(c.stop)
	c.done.Wait()
	for i := range c.sent {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// sameNumbers compares what a tap saw with what was accepted: all of it, once,
// in order.
func sameNumbers(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("seen %d, accepted %d; the first difference is at %d", len(got), len(want), firstDifference(got, want))
	}
	if len(want) < 50 {
		t.Errorf("only %d messages were sent: the test has shown nothing", len(want))
	}
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestBrokerRestartLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	own := testbroker.OwnKafka(t)
	e := connect(t, &env{addr: own.URL})
	t.Run("and a tap leaves nothing", func(t *testing.T) { leavesNothing(t, e) })
	for name, end := range map[string]func() error{"stopped": own.Stop, "killed": own.Kill} {
		t.Run(name, func(t *testing.T) {
			if name == "killed" && testing.Short() {
				t.Skip("a killed broker is fenced for some seconds when it returns")
			}
			ch := e.topic(t, 1)
			a := arm(t, e.tapper(t), brokers.Start{}, ch)
			c := count(t, e, ch.Topic)
			got := a.until("40")
			must(t, end())
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			must(t, own.Restart(ctx))
			last := fmt.Sprint(len(got) + 100)
			got = append(got, a.until(last)...)
			want := c.end()
			rest, caught := a.caught()
			if !caught.Exact {
				t.Errorf("CatchUp: %+v", caught)
			}
			sameNumbers(t, append(got, rest...), want)
		})
	}
}

// leavesNothing wants a Kafka that nobody has used: not even its internal topics
// are there, which the wrong question would create.
func leavesNothing(t *testing.T, e *env) {
	ch := e.topic(t, 2)
	absent := brokers.Channel{Name: "absent", Topic: fresh()}
	before := e.snapshot(t, "")
	tp := e.tapper(t)
	a := arm(t, tp, brokers.Start{At: brokers.StartBeginning}, ch)
	a.exact()
	if _, err := tp.Tap(soon(t), brokers.TapConfig{Channels: []brokers.Channel{absent}}); err == nil {
		t.Error("an absent topic is tapped")
	}
	unknown(t, asks(t, tp, ch), "no consumer group")
	named := ch
	named.Consumers = []string{fresh()}
	isQuiet(t, asks(t, tp, named))
	p := e.publisher(t)
	if _, err := p.Publish(soon(t), absent, outgoingText("x")); !errors.Is(err, brokers.ErrAbsent) {
		t.Errorf("publish to an absent topic: %v", err)
	}
	must(t, p.Close())
	must(t, tp.Close())
	if after := e.snapshot(t, ""); !slices.Equal(before, after) {
		t.Errorf("before: %q\nafter:  %q", before, after)
	}
}

func TestCatchUpSaysThatTheBrokerIsGone(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	tune := quick()
	tune.outage = 300 * time.Millisecond
	a := arm(t, e.tapperWith(t, tune), brokers.Start{}, ch)
	e.fake.Close()
	begun := time.Now()
	_, err := a.tap.CatchUp(soon(t))
	if !errors.Is(kindOf(err), brokers.ErrUnreachable) || time.Since(begun) > patience/2 {
		t.Errorf("CatchUp after %s: %v, want ErrUnreachable soon", time.Since(begun), err)
	}
}

func TestCatchUpSaysWhyItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		answer *kerr.Error
		want   error
		says   string
	}{
		"permission taken away": {kerr.TopicAuthorizationFailed, brokers.ErrRefused, "not authorized"},
		"broken":                {kerr.UnknownServerError, nil, "nexpected"},
		"no leader":             {kerr.NotLeaderForPartition, brokers.ErrUnreachable, "leader"},
	} {
		t.Run(name, func(t *testing.T) {
			e := openFake(t)
			ch := e.topic(t, 1)
			tune := quick()
			tune.outage = 300 * time.Millisecond
			a := arm(t, e.tapperWith(t, tune), brokers.Start{}, ch)
			fault := e.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: ch.Topic, Err: c.answer, Count: -1})
			say(t, e.producer(t), ch.Topic, "x")
			if _, err := a.tap.CatchUp(soon(t)); err == nil || !errors.Is(kindOf(err), c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("CatchUp: %v, want %v with %q", err, c.want, c.says)
			}
			fault.Remove()
			eventually(t, "it reads again", func() string {
				if _, err := a.tap.CatchUp(soon(t)); err != nil {
					return err.Error()
				}
				return ""
			})
			if got := a.drain(); len(got) != 1 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTroubleIsForgotten(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	proxy := newProxied(t)
	tune := quick()
	tune.dial = proxy.dial
	a := arm(t, e.tapperWith(t, tune), brokers.Start{}, ch)
	proxy.bite(a, "reset_peer", `"timeout":0`)
	say(t, e.producer(t), ch.Topic, "x")
	a.exact("x")
	p := e.txn(t)
	must(t, p.BeginTxn())
	say(t, p, ch.Topic, "y")
	if _, caught := a.caught(); caught.Exact || !strings.Contains(caught.Reason, "transaction") {
		t.Errorf("CatchUp says %+v, want not exact because of a transaction", caught)
	}
}

// proxied puts a proxy before each broker that a connection is opened to.
type proxied struct {
	t   testing.TB
	srv *toxiproxy.ApiServer

	mu  sync.Mutex
	all map[string]*toxiproxy.Proxy
}

func newProxied(t testing.TB) *proxied {
	return &proxied{
		t: t, all: map[string]*toxiproxy.Proxy{},
		srv: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()),
	}
}

// dial implements tuning.dial.
func (p *proxied) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	proxy := p.all[address]
	if proxy == nil {
		proxy = toxiproxy.NewProxy(p.srv, address, "127.0.0.1:0", address)
		if err := proxy.Start(); err != nil {
			p.mu.Unlock()
			return nil, err
		}
		p.t.Cleanup(proxy.Stop)
		p.all[address] = proxy
	}
	listen := proxy.Listen
	p.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, listen)
}

// each does something to every proxy.
func (p *proxied) each(f func(*toxiproxy.Proxy) error) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proxy := range p.all {
		if err := f(proxy); err != nil {
			p.t.Fatal(err)
		}
	}
}

// bite leaves a toxic in place until the tap feels it.
func (p *proxied) bite(a *armed, kind, attributes string) {
	p.t.Helper()
	p.each(toxic(kind, attributes))
	eventually(p.t, "the tap's connection breaks", func() string {
		a.tap.mu.Lock()
		defer a.tap.mu.Unlock()
		for _, topic := range a.tap.topics {
			for _, part := range topic.parts {
				if part.trouble.Load() != nil {
					return ""
				}
			}
		}
		return "it has not"
	})
	p.each(func(x *toxiproxy.Proxy) error { return x.Toxics.RemoveToxic(context.Background(), kind) })
}

// toxic harms what comes from the broker.
func toxic(kind, attributes string) func(*toxiproxy.Proxy) error {
	return func(p *toxiproxy.Proxy) error {
		_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name":%q,"type":%q,"stream":"downstream","attributes":{%s}}`, kind, kind, attributes)))
		return err
	}
}

func TestCutConnectionsLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		for name, harm := range map[string]func(*proxied, *armed){
			"stop and start": func(p *proxied, _ *armed) {
				p.each(func(x *toxiproxy.Proxy) error { x.Stop(); return nil })
				p.each((*toxiproxy.Proxy).Start)
			},
			"reset":                          func(p *proxied, a *armed) { p.bite(a, "reset_peer", `"timeout":0`) },
			"cut in the middle of an answer": func(p *proxied, a *armed) { p.bite(a, "limit_data", `"bytes":300`) },
			"slow": func(p *proxied, _ *armed) {
				p.each(toxic("latency", `"latency":40,"jitter":30`))
			},
		} {
			t.Run(name, func(t *testing.T) {
				ch := e.topic(t, 1)
				p := newProxied(t)
				tune := quick()
				tune.dial = p.dial
				a := arm(t, e.tapperWith(t, tune), brokers.Start{}, ch)
				c := count(t, e, ch.Topic)
				var got []string
				for range 3 {
					got = append(got, a.until(fmt.Sprint(len(got)+30))...)
					if name == "slow" && len(got) > 40 {
						continue
					}
					harm(p, a)
				}
				got = append(got, a.until(fmt.Sprint(len(got)+30))...)
				want := c.end()
				rest, _ := a.caught()
				sameNumbers(t, append(got, rest...), want)
			})
		}
	})
}

func TestMovingLeadersLoseAndRepeatNothing(t *testing.T) {
	e := openFake(t, kfake.NumBrokers(3))
	ch := e.topic(t, 1)
	a := arm(t, e.tapper(t), brokers.Start{}, ch)
	c := count(t, e, ch.Topic)
	var got []string
	for node := range int32(3) {
		got = append(got, a.until(fmt.Sprint(len(got)+30))...)
		must(t, e.fake.MoveTopicPartition(ch.Topic, 0, node))
	}
	got = append(got, a.until(fmt.Sprint(len(got)+30))...)
	want := c.end()
	rest, caught := a.caught()
	if !caught.Exact {
		t.Errorf("CatchUp: %+v", caught)
	}
	sameNumbers(t, append(got, rest...), want)
}
