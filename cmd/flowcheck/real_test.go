package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// site is the real brokers, with a corner of each for one test alone: topics with
// names of their own, a vhost, a region.
type site struct {
	testing.TB
	kafka, orders, payments string // address, topics
	rabbit, vhost, api      string
	amqp                    *amqp091.Channel
	region, endpoint        string
	sns                     *sns.Client
	sqs                     *sqs.Client
}

// siteFlow is a flow over the three brokers; what it waits for comes when the
// test sends it, or never.
const siteFlow = `flowcheck: 1
flow: site
brokers:
  events: kafka://${env.KAFKA}
  tasks:  ${env.RABBIT}
  cloud:  { url: "aws://${env.REGION}", endpoint: "${env.AWS_ENDPOINT}", username: test, password: hunter2 }
channels:
  orders:    { broker: events, topic: "${env.ORDERS}" }
  shipments: { broker: tasks, exchange: shipping, routing-key: "#" }
  mails:     { broker: cloud, sns: mails }
correlate: { order: body.orderId }
steps:
  placed:  { channel: orders }
  shipped: { channel: shipments, after: placed, within: 60s }
  mailed:  { channel: mails, after: shipped, within: 60s }
scenarios:
  - name: an order
    send: { to: orders, body: { orderId: "${id}" } }
`

func newSite(t testing.TB) *site {
	t.Helper()
	mark := strings.ToLower(rand.Text()[:8])
	s := &site{
		TB: t, kafka: testbroker.Kafka(t), orders: "orders-" + mark, payments: "payments-" + mark,
		vhost: "cmd-" + mark, api: testbroker.Management(t), region: "eu-" + mark + "-1", endpoint: testbroker.Ministack(t),
	}
	s.rabbit = strings.TrimSuffix(testbroker.RabbitMQ(t), "/") + "/" + s.vhost
	s.openKafka()
	s.openRabbitMQ()
	s.openAWS()
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) openKafka() { s.createTopics(s.orders, s.payments) }

// createTopics makes topics of three partitions for as long as the test runs.
func (s *site) createTopics(names ...string) {
	s.Helper()
	admin, err := sarama.NewClusterAdmin([]string{s.kafka}, sarama.NewConfig())
	s.must(err)
	for _, topic := range names {
		s.must(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	}
	s.Cleanup(func() {
		for _, topic := range names {
			_ = admin.DeleteTopic(topic)
		}
		_ = admin.Close()
	})
}

func (s *site) openRabbitMQ() {
	s.call(http.MethodPut, "/api/vhosts/"+s.vhost, nil)
	conn, err := amqp091.Dial(s.rabbit)
	s.must(err)
	s.Cleanup(func() {
		_ = conn.Close()
		s.call(http.MethodDelete, "/api/vhosts/"+s.vhost, nil)
	})
	s.amqp, err = conn.Channel()
	s.must(err)
	s.must(s.amqp.ExchangeDeclare("shipping", amqp091.ExchangeTopic, true, false, false, false, nil))
}

func (s *site) openAWS() {
	s.sns = sns.New(sns.Options{
		Region: s.region, BaseEndpoint: aws.String(s.endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	s.sqs = sqs.New(sqs.Options{
		Region: s.region, BaseEndpoint: aws.String(s.endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	_, err := s.sns.CreateTopic(s.Context(), &sns.CreateTopicInput{Name: aws.String("mails")})
	s.must(err)
}

// call asks RabbitMQ's management API.
func (s *site) call(method, path string, out any) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.api+path, http.NoBody)
	s.must(err)
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	if res.StatusCode >= 300 && res.StatusCode != http.StatusNotFound {
		s.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if out != nil {
		s.must(json.NewDecoder(res.Body).Decode(out))
	}
}

// created lists what flowcheck has made on RabbitMQ, SNS and SQS.
func (s *site) created() (names []string) {
	s.Helper()
	var queues []struct{ Name string }
	s.call(http.MethodGet, "/api/queues/"+s.vhost, &queues)
	for _, q := range queues {
		names = append(names, "rabbitmq queue "+q.Name)
	}
	listed, err := s.sqs.ListQueues(s.Context(), &sqs.ListQueuesInput{})
	s.must(err)
	for _, u := range listed.QueueUrls {
		names = append(names, "sqs queue "+u)
	}
	subscribed, err := s.sns.ListSubscriptions(s.Context(), &sns.ListSubscriptionsInput{})
	s.must(err)
	for _, sub := range subscribed.Subscriptions {
		names = append(names, "sns subscription "+*sub.SubscriptionArn)
	}
	return slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, "flowcheck-") })
}

// vars are what siteFlow reads from the environment.
func (s *site) vars() map[string]string {
	return map[string]string{
		"KAFKA": s.kafka, "ORDERS": s.orders, "PAYMENTS": s.payments, "RABBIT": s.rabbit, "REGION": s.region, "AWS_ENDPOINT": s.endpoint,
	}
}

// start starts flowcheck with the site's environment.
func (s *site) start(args ...string) *process {
	s.Helper()
	for name, value := range s.vars() {
		args = append([]string{name + "=" + value}, args...)
	}
	i := slices.IndexFunc(args, func(a string) bool { return !strings.Contains(a, "=") })
	return startCommand(s, "env", slices.Insert(args, i, "flowcheck")...)
}

// TestNothingIsLeftBehind interrupts a run and a recording while their taps are
// armed on the real brokers.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verb string
		sig  os.Signal
		want int
	}{
		{"run", os.Interrupt, exitInterrupted},
		{"record", os.Interrupt, exitPass},
		{"replay", os.Interrupt, exitInterrupted},
	} {
		t.Run(c.verb, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			flow, recording := write(t, "site.flow.yaml", siteFlow), filepath.Join(t.TempDir(), "day.jsonl")
			args := []string{c.verb, flow, "--record", recording}
			switch c.verb {
			case "record":
				args[2] = "-o"
			case "replay": // the second message is due in an hour
				args = append(args, write(t, "past.jsonl", `{"flowcheck":"recording/1","flow":"site","started":"2026-11-22T10:00:00Z"}
{"channel":"orders","seen":"2026-11-22T10:00:00Z","position":"0@0","body":{"orderId":"o-1"}}
{"channel":"orders","seen":"2026-11-22T11:00:00Z","position":"0@1","body":{"orderId":"o-2"}}
`), "--same-target")
			}
			p := s.start(args...)
			p.await("the taps are armed", func() bool { return fileHas(recording, `{"flowcheck"`) })
			// The queues of RabbitMQ appear in its management API a little later.
			p.await("what the taps have made is seen", func() bool { return len(s.created()) >= 3 })
			p.end(c.sig, c.want)
			await(t, "all of it is removed", func() bool { return len(s.created()) == 0 })
			if strings.Contains(p.errs.String()+p.out.String(), "hunter2") {
				t.Errorf("a password: %s%s", &p.errs, &p.out)
			}
		})
	}
}

// TestScriptsOnRealBrokers runs the documents in testdata/real.
func TestScriptsOnRealBrokers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := s.amqp.QueueDeclare("plain", true, false, false, false, nil)
	s.must(err)
	s.must(s.amqp.ExchangeDeclare("hashed", "x-consistent-hash", true, false, false, false, nil))
	_, err = s.amqp.QueueDeclare("takes-all", true, false, false, false, nil)
	s.must(err)
	s.must(s.amqp.QueueBind("takes-all", "#", "shipping", false, nil))
	_, err = s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("mails")})
	s.must(err)
	vars := s.vars()
	vars["RABBIT_WRONG"] = strings.Replace(s.rabbit, "guest:guest@", "guest:hunter2@", 1)
	vars["RABBIT_NOWHERE"] = s.rabbit + "-which-is-not-there"
	vars["MANAGEMENT"] = s.api
	t.Run("documents", func(t *testing.T) { runScripts(t, "testdata/real", vars) })
	if left := s.created(); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// declareExchanges makes topic exchanges.
func declareExchanges(t testing.TB, url string, names ...string) {
	t.Helper()
	conn, err := amqp091.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := ch.ExchangeDeclare(name, amqp091.ExchangeTopic, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		q, err := ch.QueueDeclare(name+"-all", true, false, false, false, nil)
		if err == nil {
			err = ch.QueueBind(q.Name, "#", name, false, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// bulkyFlow reads the end of a large body.
const bulkyFlow = `flowcheck: 1
flow: bulky
brokers: { tasks: "${env.RABBIT}" }
channels: { shipments: { broker: tasks, exchange: shipping } }
correlate: { order: body.orderId }
steps: { shipped: { channel: shipments, check: [ body.last == 1, len(body.noise) == 10485760 ] } }
`

// TestABodyOfTenMegabytes goes by a tap on RabbitMQ into a recording, packed or
// not, and is judged from there.
func TestABodyOfTenMegabytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	flow := write(t, "bulky.flow.yaml", bulkyFlow)
	for _, name := range []string{"bulky.jsonl", "bulky.jsonl.zst"} {
		recording := filepath.Join(t.TempDir(), name)
		p := s.start("record", flow, "-o", recording)
		p.await("it records", func() bool { return strings.Contains(p.errs.String(), "recording to") })
		body := `{"orderId":"o-1","noise":"` + strings.Repeat("x", 10<<20) + `","last":1}`
		s.must(s.amqp.PublishWithContext(t.Context(), "shipping", "bulky", false, false, amqp091.Publishing{Body: []byte(body)}))
		// The end of a recording waits for what the broker has taken, and it has
		// taken this once it answers a further question on the same channel.
		s.must(s.amqp.ExchangeDeclarePassive("shipping", amqp091.ExchangeTopic, true, false, false, false, nil))
		p.end(os.Interrupt, exitPass)
		v := s.start("verify", flow, recording)
		if code := v.code(); code != exitPass {
			t.Errorf("%s: exit code %d: %s%.1000s", name, code, &v.errs, v.out.String())
		}
	}
}
