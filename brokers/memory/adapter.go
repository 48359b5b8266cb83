package memory

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

// Kind is the adapter's kind.
const Kind = "memory"

// Adapter taps and publishes on the servers given, each found by its name:
// memory://name.
func Adapter(servers ...*Server) brokers.Adapter {
	a := adapter{servers: servers}
	return brokers.Adapter{
		Kind:    Kind,
		Schemes: []string{"memory"},
		Check:   check,
		OpenTapper: func(ctx context.Context, cfg brokers.Config) (brokers.Tapper, error) {
			s, err := a.login(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return &tapper{s: s, runID: cfg.RunID, taps: map[*tap]bool{}}, nil
		},
		OpenPublisher: func(ctx context.Context, cfg brokers.Config) (brokers.Publisher, error) {
			s, err := a.login(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return &publisher{s: s}, nil
		},
	}
}

// adapter knows the servers that there are.
type adapter struct{ servers []*Server }

// login finds the server that the URL names.
func (a adapter) login(ctx context.Context, cfg brokers.Config) (*Server, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", cfg.Name, err)
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("broker %s: its URL cannot be read: want memory://name", cfg.Name)
	}
	for _, s := range a.servers {
		if s.opts.Name != u.Host {
			continue
		}
		if s.opts.Username != cfg.Username || s.opts.Password != cfg.Password {
			return nil, fmt.Errorf("connect to memory://%s as %q: %w: correct the user name or the password", u.Host, cfg.Username, brokers.ErrRefused)
		}
		return s, nil
	}
	return nil, fmt.Errorf("connect to memory://%s: %w: no such server in this process", u.Host, brokers.ErrUnreachable)
}

// check says what is wrong with a channel. Beside sns, sqs names the queue that
// is waited for.
func check(ch brokers.Channel) error {
	if ch.Stream != "" || ch.Firehose {
		return fmt.Errorf("channel %s: memory has neither streams nor a firehose", ch.Name)
	}
	var has []string
	for _, f := range []struct{ key, value string }{
		{"topic", ch.Topic}, {"exchange", ch.Exchange}, {"queue", ch.Queue}, {"sns", ch.SNS}, {"sqs", ch.SQS},
	} {
		if f.value != "" {
			has = append(has, f.key)
		}
	}
	queueOfTopic := slices.Equal(has, []string{"sns", "sqs"}) && !ch.Intrusive
	if len(has) != 1 && !queueOfTopic {
		return fmt.Errorf("channel %s: it needs one of topic, exchange, queue, sns and sqs, and has %d (%s)", ch.Name, len(has), strings.Join(has, ", "))
	}
	if ch.Exchange == "" && len(ch.RoutingKeys) > 0 {
		return fmt.Errorf("channel %s: a routing key belongs to an exchange", ch.Name)
	}
	return nil
}

// plainName takes the name from an ARN or a queue's URL.
func plainName(address string) string {
	return address[strings.LastIndexAny(address, ":/")+1:]
}
