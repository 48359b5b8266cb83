package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/aws"
	"github.com/flowcheck/flowcheck/brokers/http"
	"github.com/flowcheck/flowcheck/brokers/kafka"
	"github.com/flowcheck/flowcheck/brokers/rabbitmq"
	"github.com/flowcheck/flowcheck/brokers/sql"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/source"
)

// adapters are the kinds of brokers that flowcheck speaks to.
func adapters() []brokers.Adapter {
	return []brokers.Adapter{kafka.Adapter(), rabbitmq.Adapter(), aws.Adapter(), http.Adapter(), sql.Adapter()}
}

// system is the brokers of a flow, connected.
type system struct {
	tappers    map[int]brokers.Tapper
	publishers map[int]brokers.Publisher
	channels   []brokers.Channel
}

// close ends every connection. What taps created is removed before, by who armed
// them: an error here leaves nothing behind.
func (s *system) close() {
	for _, t := range s.tappers {
		_ = t.Close()
	}
	for _, p := range s.publishers {
		_ = p.Close()
	}
}

// connector opens the brokers of a flow.
type connector struct {
	adapters []brokers.Adapter
	runID    string
	log      *slog.Logger
}

// connect opens a tapper for each broker of the flow that has channels, and a
// publisher where publish is set. The caller closes the system even with an
// error.
func (c *connector) connect(ctx context.Context, f *flows.Flow, publish bool) (*system, error) {
	s := &system{
		tappers: map[int]brokers.Tapper{}, publishers: map[int]brokers.Publisher{}, channels: brokerChannels(f),
	}
	for i := range f.Brokers {
		if !slices.ContainsFunc(f.Channels, func(ch flows.Channel) bool { return ch.Broker == i }) {
			continue
		}
		adapter, cfg, err := c.config(f, i)
		if err != nil {
			return s, err
		}
		if s.tappers[i], err = adapter.OpenTapper(ctx, cfg); err != nil {
			delete(s.tappers, i)
			return s, connectError(cfg, err)
		}
		if !publish {
			continue
		}
		if s.publishers[i], err = adapter.OpenPublisher(ctx, cfg); err != nil {
			delete(s.publishers, i)
			return s, connectError(cfg, err)
		}
	}
	return s, nil
}

// connectError names the broker and the way out; never its password.
func connectError(cfg brokers.Config, err error) error {
	err = fmt.Errorf("broker %s (%s): %w", cfg.Name, masked(cfg.URL), err)
	if errors.Is(err, brokers.ErrSettings) {
		return input(err)
	}
	if errors.Is(err, brokers.ErrUnreachable) && !strings.Contains(err.Error(), "certificate") {
		return fmt.Errorf("%w; is it running? Another address: --broker %s=URL", err, cfg.Name)
	}
	return err
}

// config finds the adapter of a broker and what it needs to connect.
func (c *connector) config(f *flows.Flow, i int) (brokers.Adapter, brokers.Config, error) {
	b := &f.Brokers[i]
	cfg := brokers.Config{
		Name: b.Name, URL: b.URL, Endpoint: b.Endpoint, Management: b.Management,
		Username: b.Username, Password: b.Password, RunID: c.runID, Log: c.log,
		SASL: brokers.SASL{
			Mechanism: b.SASL.Mechanism, TokenURL: b.SASL.TokenURL, ClientID: b.SASL.ClientID, ClientSecret: b.SASL.ClientSecret,
			Scopes: b.SASL.Scopes, Token: b.SASL.Token, Region: b.SASL.Region,
			Service: b.SASL.Service, Realm: b.SASL.Realm, Config: b.SASL.Config, Keytab: b.SASL.Keytab,
		},
		AWS: brokers.AWS(b.AWS),
	}
	if b.TLS != nil {
		cfg.TLS = &brokers.TLS{
			CA: b.TLS.CA.Value, Cert: b.TLS.Cert.Value, Key: b.TLS.Key.Value,
			ServerName: b.TLS.ServerName.Value, Insecure: b.TLS.Insecure,
		}
	}
	scheme, _, ok := strings.Cut(b.URL, "://")
	if ok {
		for _, a := range c.adapters {
			if slices.Contains(a.Schemes, scheme) {
				return a, cfg, nil
			}
		}
	}
	var known []string
	for _, a := range c.adapters {
		for _, s := range a.Schemes {
			known = append(known, s+"://…")
		}
	}
	return brokers.Adapter{}, cfg, input(fmt.Errorf("broker %s: the URL %q is none of %s", b.Name, masked(b.URL), strings.Join(known, ", ")))
}

// masked is a URL without its secrets.
func masked(raw string) string {
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok {
		return "…" // where a login would be in it is anybody's guess
	}
	u, err := url.Parse(raw)
	if err != nil {
		return scheme + "://…"
	}
	return u.Redacted()
}

// brokerChannels are the flow's channels as adapters see them.
func brokerChannels(f *flows.Flow) []brokers.Channel {
	channels := make([]brokers.Channel, len(f.Channels))
	for i := range f.Channels {
		ch := &f.Channels[i]
		channels[i] = brokers.Channel{
			Name: ch.Name, Topic: ch.Topic, Exchange: ch.Exchange, RoutingKeys: ch.RoutingKeys, Queue: ch.Queue,
			Stream: ch.Stream, SNS: ch.SNS, SQS: ch.SQS, Firehose: ch.Firehose, Intrusive: ch.Intrusive,
			Envelope: ch.Envelope, Consumers: ch.Consumers,
			Reply: ch.Reply,
			Path:  ch.Path, Method: ch.Method, Query: ch.Query, RowKeys: ch.RowKeys, Every: ch.Every,
		}
		for _, a := range ch.Answers {
			answer := brokers.Answer{Status: a.Status, Body: a.Body, Delay: a.Delay}
			for _, h := range a.Headers {
				answer.Headers = append(answer.Headers, brokers.AnswerHeader(h))
			}
			channels[i].Answers = append(channels[i].Answers, answer)
		}
	}
	return channels
}

// repliesBelongToRun refuses a flow with a queue for replies where nothing is sent
// that could be replied to.
func repliesBelongToRun(f *flows.Flow) error {
	for i := range f.Channels {
		if f.Channels[i].Own {
			return input(fmt.Errorf("channel %s is a queue of flowcheck's own for replies, which run alone has: nobody else knows its name", f.Channels[i].Name))
		}
	}
	return nil
}

// checkChannels has each adapter look at its channels, without a broker, and
// prints what it finds.
func (a *app) checkChannels(file string, f *flows.Flow) error {
	c := &connector{adapters: a.adapters}
	var errs source.Errors
	for i := range f.Brokers {
		if f.Brokers[i].Lacking {
			continue
		}
		adapter, cfg, err := c.config(f, i)
		if err == nil && adapter.CheckConfig != nil {
			err = adapter.CheckConfig(cfg)
		}
		if err != nil {
			errs = append(errs, source.Errorf(f.Brokers[i].At, "%v", err))
		}
		if sends := f.SendsTo(i); adapter.TapOnly && len(sends) > 0 {
			errs = append(errs, source.Errorf(f.Brokers[i].At, "a scenario sends to %s, but nothing can be sent to a broker of the kind %s",
				strings.Join(sends, ", "), adapter.Kind).WithHint("begin the scenario with a message on another channel, or with call:"))
		}
	}
	errs = append(errs, c.checkErrands(f)...)
	for i, ch := range brokerChannels(f) {
		broker := f.Channels[i].Broker
		adapter, _, err := c.config(f, broker)
		if err != nil || adapter.Check == nil || f.Channels[i].Lacking || f.Brokers[broker].Lacking {
			continue
		}
		if err := adapter.Check(ch); err != nil {
			text := strings.ReplaceAll(err.Error(), "\n", "; ")
			errs = append(errs, source.Errorf(f.Channels[i].At, "%s", text))
		}
	}
	return a.printErrors(file, errs.Sort())
}
