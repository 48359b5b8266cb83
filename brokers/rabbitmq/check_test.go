package rabbitmq

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 256)
	for want, ch := range map[string]brokers.Channel{
		"":                     {Exchange: "x", RoutingKeys: []string{"a", "b.#"}, Consumers: []string{"q"}},
		"one of exchange":      {},
		"one of exchange,":     {Exchange: "x", Queue: "q"},
		"has no topic":         {Topic: "t"},
		"no sns, sqs":          {SNS: "t", SQS: "q"},
		"no intrusive":         {Queue: "q", Intrusive: true},
		"no envelope":          {Queue: "q", Envelope: true},
		"takes no bindings":    {Exchange: "amq.default"},
		"belongs to an":        {Queue: "q", RoutingKeys: []string{"k"}},
		"read as it is":        {Stream: "s", Firehose: true},
		"has 256 bytes":        {Queue: long},
		"routing-key \"xxxxxx": {Exchange: "x", RoutingKeys: []string{long}},
	} {
		ch.Name = "orders"
		err := check(ch)
		switch {
		case want == "" && err != nil:
			t.Errorf("%+v: %v", ch, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "channel orders: ")):
			t.Errorf("%+v: want %q, got %v", ch, want, err)
		}
	}
}

// TestSecretsStaySecret: a password may be anywhere in a URL that cannot be read.
func TestSecretsStaySecret(t *testing.T) {
	for _, cfg := range []brokers.Config{
		{URL: "amqp://user:hunter2/x@127.0.0.1:1/"},
		{URL: "amqp://user:hun%ter2@127.0.0.1:1/"},
		{URL: "amqp://user:hunter2 @127.0.0.1:1/"},
		{URL: "amqp://user:hunter2@127.0.0.1:1/"},
		{URL: "amqp://127.0.0.1:1/", Username: "user", Password: "hunter2"},
		{URL: "amqp://127.0.0.1:1/", Management: "http://user:hunter2/x@127.0.0.1:1"},
		{URL: "amqp://127.0.0.1:1/", Management: "http://user:hunter2@127.0.0.1:1 "},
		{URL: "amqp://user:hunter2@127.0.0.1:1/", SASL: brokers.SASL{Mechanism: "GSSAPI"}},
		{URL: "amqp://user:hunter2@127.0.0.1:1/", TLS: &brokers.TLS{}},
		{URL: "amqps://user:hunter2@127.0.0.1:1/", TLS: &brokers.TLS{CA: "absent.pem"}},
		{URL: "amqps://user:hunter2@127.0.0.1:1/", TLS: &brokers.TLS{Cert: "absent.pem"}},
		{URL: "amqp://user:hunter2@127.0.0.1:1/?heartbeat=x"},
	} {
		cfg.Name = "tasks"
		_, err := openTapper(context.Background(), cfg)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "hun%") || !strings.Contains(err.Error(), "broker tasks") {
			t.Errorf("%s: %v", cfg.URL, err)
		}
	}
}

func TestManagementErrorsTellNoPassword(t *testing.T) {
	s := newSite(t)
	cfg := s.config()
	cfg.Management = "http://user:hunter2@127.0.0.1:1"
	err := s.open(cfg).askable(s.ctx())
	if !errors.Is(err, brokers.ErrUnreachable) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Fatalf("askable says %v", err)
	}
	cfg.Management = ""
	tp := s.open(cfg)
	if tp.api.base != "http://127.0.0.1:15672" || !tp.api.guessed {
		t.Fatalf("guessed %s", tp.api.base)
	}
}

// TestOpenEndsWithItsContext, also where the connection stands and nobody answers.
func TestOpenEndsWithItsContext(t *testing.T) {
	s := newSite(t)
	cfg, proxy := s.proxied("")
	s.toxic(proxy, `{"name":"hole","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
	ctx, cancel := context.WithTimeout(s.ctx(), 200*time.Millisecond)
	defer cancel()
	_, err := openPublisher(ctx, cfg)
	if !errors.Is(err, brokers.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// matches is a topic pattern on a key, the slow way.
func matches(pattern, key []string) bool {
	if len(pattern) == 0 {
		return len(key) == 0
	}
	if pattern[0] == "#" {
		return matches(pattern[1:], key) || len(key) > 0 && matches(pattern, key[1:])
	}
	return len(key) > 0 && (pattern[0] == "*" || pattern[0] == key[0]) && matches(pattern[1:], key[1:])
}

// TestOverlap against all keys of up to five words.
func TestOverlap(t *testing.T) {
	keys := [][]string{{}}
	for i := 0; len(keys[i]) < 5; i++ {
		for _, word := range []string{"a", "b", "z"} { // z is in no pattern
			keys = append(keys, append(append([]string{}, keys[i]...), word))
		}
	}
	random := rand.New(rand.NewPCG(3, 5))
	pattern := func() []string {
		all := make([]string, random.IntN(4))
		for i := range all {
			all[i] = []string{"a", "b", "*", "#"}[random.IntN(4)]
		}
		return all
	}
	for range 3000 {
		a, b := pattern(), pattern()
		want := false
		for _, key := range keys {
			want = want || matches(a, key) && matches(b, key)
		}
		if got := overlap(strings.Join(a, "."), strings.Join(b, ".")); got != want {
			t.Fatalf("%v and %v: %t, want %t", a, b, got, want)
		}
	}
}
