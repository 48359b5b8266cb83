package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/aws"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/scenarios/proxy"
	"github.com/flowcheck/flowcheck/shadow"
)

const awaySNS = `flowcheck: 1
flow: away
brokers: { r: "aws://eu-west-1" }
channels:
  orders:   { broker: r, sns: orders }
  payments: { broker: r, sns: payments }
correlate: { order: body.order }
steps:
  placed: { channel: orders }
  paid:   { channel: payments, after: placed, within: WITHIN }
`

// TestAnSNSThatIsAway: the messages that come while a shadow cannot reach SNS wait
// in its queue: nothing is found, and nothing is unknown. It is the way there that
// is cut, as ministack forgets everything when it is stopped.
func TestAnSNSThatIsAway(t *testing.T) {
	if *away == 0 {
		t.Skip("it takes minutes: make shadow-away")
	}
	t.Parallel()
	own := testbroker.OwnMinistack(t)
	at, err := url.Parse(own.URL)
	if err != nil {
		t.Fatal(err)
	}
	way, err := proxy.Start("127.0.0.1:0", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	ctx, cancel := context.WithTimeout(t.Context(), *away+20*time.Minute)
	defer cancel()
	p := newTopics(t, own.URL)
	status := &shadow.Status{}
	cfg := brokers.Config{URL: "aws://eu-west-1", Endpoint: strings.Replace(own.URL, at.Host, way.Address(), 1), Username: "test", Password: "test"}
	stop := (&far{awaySNS, aws.Adapter(), cfg}).watch(ctx, t, status)
	await := awaiting(ctx, t)
	await("armed", status.Armed.Load)
	f := status.Flows()[0]
	p.send("orders", "open")
	chains(p.send, 0, 50)
	await("all read and judged", func() bool { return f.Messages.Load() >= 101 && f.Open.Load() == 1 })
	if err := way.Disturb(proxy.Cut); err != nil {
		t.Fatal(err)
	}
	chains(p.send, 50, 25)
	await("behind", func() bool { return status.Tappers()[0].Behind(time.Now()) > *away })
	chains(p.send, 75, 25)
	if err := way.Restore(ctx, proxy.Cut); err != nil {
		t.Fatal(err)
	}
	p.send("payments", "open")
	await("judged", func() bool { return f.Open.Load() == 0 && f.Messages.Load() >= 202 })
	if got := stop(); got.Findings > 0 || got.Unknowns > 0 || got.Chains.Pass != 101 || f.Gaps.Load() > 0 {
		t.Fatalf("%d gaps, %+v", f.Gaps.Load(), got)
	}
}

// topics are those of SNS, which it publishes to.
type topics struct {
	t      *testing.T
	client *sns.Client
	arn    map[string]*string
}

func newTopics(t *testing.T, endpoint string) *topics {
	t.Helper()
	p := &topics{t: t, arn: map[string]*string{}, client: sns.New(sns.Options{
		Region: "eu-west-1", BaseEndpoint: awssdk.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})}
	for _, name := range []string{"orders", "payments"} {
		made, err := p.client.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: awssdk.String(name)})
		if err != nil {
			t.Fatal(err)
		}
		p.arn[name] = made.TopicArn
	}
	return p
}

func (p *topics) send(topic, order string) {
	p.t.Helper()
	in := &sns.PublishInput{TopicArn: p.arn[topic], Message: awssdk.String(fmt.Sprintf(`{"order":%q}`, order))}
	if _, err := p.client.Publish(p.t.Context(), in); err != nil {
		p.t.Fatal(err)
	}
}
