package kafka

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
)

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"kafka://localhost":                      "localhost:9092",
		"kafka://localhost:19092":                "localhost:19092",
		"kafka://a:1,b:2,c":                      "a:1 b:2 c:9092",
		"kafka://a:1, b:2/":                      "a:1 b:2",
		"kafka://[::1]:9093,[::2]":               "[::1]:9093 [::2]:9092",
		"kafka://u:p@a:1,b:2":                    "a:1 b:2 as u",
		"kafka://u%40x:p%2Fq%40@a":               "a:9092 as u@x",
		"kafka://":                               "",
		"kafka://a:1,,b:2":                       "",
		"kafka://:9092":                          "",
		"kafka://a:1/topic":                      "",
		"kafka://a:1?x=y":                        "",
		"kafka://u:s3cret%zz@a:1":                "",
		"http://a:1":                             "",
		"kafka://u:s3cret@":                      "",
		"kafka://user:s3cret@host name:9092":     "",
		"kafka://user:s3cret@host:9092/and#more": "",
	} {
		seeds, conf, err := settings(brokers.Config{URL: url})
		if want == "" {
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: got %v, %v: want an error without the password", url, seeds, err)
			}
			continue
		}
		got := strings.Join(seeds, " ")
		if err == nil && conf.Net.SASL.Enable {
			got += " as " + conf.Net.SASL.User
		}
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v: want %q", url, got, err, want)
		}
	}
}

func TestConfigurationMistakes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	must(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct {
		cfg  brokers.Config
		says string
	}{
		{brokers.Config{TLS: &brokers.TLS{CA: "/no/such/file"}}, "/no/such/file"},
		{brokers.Config{TLS: &brokers.TLS{CA: empty}}, "no certificate"},
		{brokers.Config{TLS: &brokers.TLS{Cert: empty, Key: empty}}, "cert and key"},
		{brokers.Config{TLS: &brokers.TLS{Cert: empty}}, "cert and key"},
		{brokers.Config{SASL: brokers.SASL{Mechanism: "SCRAM-SHA-1"}, Username: "u"}, "SCRAM-SHA-256"},
		{brokers.Config{SASL: brokers.SASL{Mechanism: "plain"}}, "username"},
	} {
		c.cfg.Name, c.cfg.URL, c.cfg.Password = "events", "kafka://127.0.0.1:1", "s3cret"
		for _, open := range []func() error{
			func() error { _, err := Adapter().OpenTapper(t.Context(), c.cfg); return err },
			func() error { _, err := Adapter().OpenPublisher(t.Context(), c.cfg); return err },
		} {
			if err := open(); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%+v: got %v, want an error with %q", c.cfg, err, c.says)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		ch   brokers.Channel
		says []string
	}{
		{brokers.Channel{Topic: "orders.v1_x-Y"}, nil},
		{brokers.Channel{}, []string{"needs a topic"}},
		{brokers.Channel{Topic: "a b"}, []string{"no topic name"}},
		{brokers.Channel{Topic: ".."}, []string{"no topic name"}},
		{brokers.Channel{Topic: strings.Repeat("a", 250)}, []string{"no topic name"}},
		{brokers.Channel{Exchange: "x", RoutingKeys: []string{"k"}}, []string{"needs a topic", "no exchange", "no routing-key"}},
		{brokers.Channel{Topic: "t", SNS: "s", SQS: "q"}, []string{"no sns", "no sqs"}},
		{brokers.Channel{Topic: "t", Queue: "q", Stream: "s"}, []string{"no queue", "no stream"}},
		{brokers.Channel{Topic: "t", Firehose: true, Intrusive: true, Envelope: true}, []string{"firehose", "intrusive", "envelope"}},
	} {
		c.ch.Name = "the-channel"
		err := Adapter().Check(c.ch)
		if len(c.says) == 0 {
			if err != nil {
				t.Errorf("%+v: %v", c.ch, err)
			}
			continue
		}
		for _, says := range slices.Concat(c.says, []string{"the-channel"}) {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%+v: got %v, want %q in it", c.ch, err, says)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"orders", "ordres", 2}, {"kitten", "sitting", 3}, {"same", "same", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
