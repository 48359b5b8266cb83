package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/await"
	"github.com/flowcheck/flowcheck/internal/testbroker"
	"github.com/flowcheck/flowcheck/message"
)

func TestMain(m *testing.M) {
	const toxiproxy = "github.com/Shopify/toxiproxy/v2" // it leaves some of a cut link
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction(toxiproxy+"/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction(toxiproxy+".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(toxiproxy+".(*ToxicLink).write"),
	)
}

// env is a Kafka to test against.
type env struct {
	addr  string         // host:port[,host:port]
	fake  *kfake.Cluster // nil where it is a real one
	admin sarama.ClusterAdmin
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// realKafka is the Kafka that all tests share.
func realKafka(t testing.TB) *env {
	t.Helper()
	return connect(t, &env{addr: testbroker.Kafka(t)})
}

// fakeKafka is a cluster in this process.
func fakeKafka(t testing.TB, opts ...kfake.Opt) *env {
	t.Helper()
	k, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return &env{addr: strings.Join(k.ListenAddrs(), ","), fake: k}
}

// openFake is a fake that lets everybody in.
func openFake(t testing.TB, opts ...kfake.Opt) *env {
	t.Helper()
	return connect(t, fakeKafka(t, opts...))
}

// both runs a test against the real Kafka and against the fake.
func both(t *testing.T, test func(*testing.T, *env)) {
	t.Run("fake", func(t *testing.T) { test(t, openFake(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, realKafka(t)) })
}

// plainConfig is sarama's, as a system under test would have it.
func plainConfig() *sarama.Config {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.ClientID = "system-under-test"
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Admin.Timeout = patience
	conf.Producer.Return.Successes = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	return conf
}

func (e *env) seeds() []string { return strings.Split(e.addr, ",") }

func connect(t testing.TB, e *env) *env {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(e.seeds(), plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	e.admin = admin
	return e
}

// fresh is a name that nothing has.
func fresh() string { return "kafkatest-" + uuid.NewString()[:8] }

// topic makes a topic that goes with the test.
func (e *env) topic(t testing.TB, partitions int32, configs ...string) brokers.Channel {
	t.Helper()
	name := fresh()
	e.makeTopic(t, name, partitions, configs...)
	return brokers.Channel{Name: "orders", Topic: name}
}

func (e *env) makeTopic(t testing.TB, name string, partitions int32, configs ...string) {
	t.Helper()
	entries := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		entries[configs[i]] = &configs[i+1]
	}
	err := e.admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: entries}, false)
	if err != nil {
		t.Fatalf("create topic: %v", err)
	}
	t.Cleanup(func() { e.dropTopic(t, name) })
	e.hasPartitions(t, name, partitions)
}

// dropTopic deletes a topic and waits until the broker lists it no more, so that
// the next test does not see it go. A cluster that is gone is no error.
func (e *env) dropTopic(t testing.TB, name string) {
	if e.admin.DeleteTopic(name) != nil {
		return
	}
	eventually(t, "the topic is gone", func() string {
		all, err := e.admin.ListTopics()
		if _, there := all[name]; there && err == nil {
			return name + " is there"
		}
		return ""
	})
}

// grow gives a topic more partitions. A producer or client made afterwards knows
// them; an older one looks for new ones every ten minutes.
func (e *env) grow(t testing.TB, topic string, partitions int32) {
	t.Helper()
	must(t, e.admin.CreatePartitions(topic, partitions, nil, false))
	e.hasPartitions(t, topic, partitions)
}

// hasPartitions waits until the broker knows the topic with all its partitions,
// each with a leader.
func (e *env) hasPartitions(t testing.TB, topic string, partitions int32) {
	t.Helper()
	eventually(t, "the topic is there", func() string {
		found, err := e.admin.DescribeTopics([]string{topic})
		if err != nil || len(found) != 1 || len(found[0].Partitions) != int(partitions) || found[0].Err != sarama.ErrNoError {
			return fmt.Sprint(found, err)
		}
		for _, p := range found[0].Partitions {
			if p.Err != sarama.ErrNoError || p.Leader < 0 {
				return fmt.Sprint(p)
			}
		}
		return ""
	})
}

// config reaches the broker.
func (e *env) config() brokers.Config {
	return brokers.Config{Name: "events", URL: "kafka://" + e.addr}
}

// quick is usual with short waits.
func quick() tuning {
	tune := usual()
	tune.refresh = 50 * time.Millisecond
	tune.absent = 300 * time.Millisecond
	tune.patience = 500 * time.Millisecond
	return tune
}

func (e *env) tapper(t testing.TB) *tapper {
	t.Helper()
	return e.tapperWith(t, quick())
}

func (e *env) tapperWith(t testing.TB, tune tuning) *tapper {
	t.Helper()
	tp, err := openTapper(soon(t), e.config(), tune)
	if err != nil {
		t.Fatalf("openTapper: %v", err)
	}
	t.Cleanup(func() { _ = tp.Close() })
	return tp
}

func (e *env) publisher(t testing.TB) *publisher {
	t.Helper()
	p, err := openPublisher(soon(t), e.config(), quick())
	if err != nil {
		t.Fatalf("openPublisher: %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// soon ends when the patience of the tests does.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks until the answer is "".
func eventually(t testing.TB, what string, ask func() string) {
	t.Helper()
	await.Silence(t, what, ask)
}

// armed is a tap and what it sent.
type armed struct {
	t      testing.TB
	tap    *tap
	events chan message.Event
}

func arm(t testing.TB, tp *tapper, start brokers.Start, channels ...brokers.Channel) *armed {
	t.Helper()
	return armInto(t, tp, start, make(chan message.Event, 10_000), channels...)
}

func armInto(t testing.TB, tp *tapper, start brokers.Start, events chan message.Event, channels ...brokers.Channel) *armed {
	t.Helper()
	a := &armed{t: t, events: events}
	got, err := tp.Tap(soon(t), brokers.TapConfig{Channels: channels, Start: start, Events: a.events})
	if err != nil {
		t.Fatalf("Tap: %v", err)
	}
	a.tap = got.(*tap)
	t.Cleanup(func() { _ = got.Close(context.Background()) })
	return a
}

// caught is what has come when CatchUp returns: the payloads, and "gap: …" for
// each mark, in their order.
func (a *armed) caught() ([]string, brokers.Caught) {
	a.t.Helper()
	caught, err := a.tap.CatchUp(soon(a.t))
	if err != nil {
		a.t.Fatalf("CatchUp: %v", err)
	}
	return a.drain(), caught
}

// drain takes what is there.
func (a *armed) drain() (got []string) {
	for {
		select {
		case e := <-a.events:
			got = append(got, word(e))
		default:
			return got
		}
	}
}

// next waits for one event.
func (a *armed) next() message.Event {
	a.t.Helper()
	select {
	case e := <-a.events:
		return e
	case <-time.After(patience):
		a.t.Fatalf("nothing came within %s", patience)
		return message.Event{}
	}
}

// until takes events up to the one with that payload.
func (a *armed) until(last string) (got []string) {
	a.t.Helper()
	for len(got) == 0 || got[len(got)-1] != last {
		got = append(got, word(a.next()))
	}
	return got
}

// exact is caught, with the claim that it is exact and without repeats.
func (a *armed) exact(want ...string) {
	a.t.Helper()
	got, caught := a.caught()
	if !caught.Exact {
		a.t.Errorf("CatchUp is not exact: %s", caught.Reason)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		a.t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func word(e message.Event) string {
	if e.Mark != nil {
		return "gap: " + e.Mark.Reason
	}
	return string(e.Observation.Payload)
}

// producer is a plain one of the system under test; the partition is manual.
func (e *env) producer(t testing.TB) sarama.SyncProducer {
	t.Helper()
	p, err := sarama.NewSyncProducer(e.seeds(), plainConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// say sends texts to partition 0 by any of sarama's producers.
func say(t testing.TB, p sarama.SyncProducer, topic string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		sayTo(t, p, topic, 0, text)
	}
}

func sayTo(t testing.TB, p sarama.SyncProducer, topic string, partition int32, text string) {
	t.Helper()
	_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(text)})
	if err != nil {
		t.Fatalf("send %s: %v", text, err)
	}
}

// txn is a transactional producer.
func (e *env) txn(t testing.TB) sarama.SyncProducer {
	t.Helper()
	conf := plainConfig()
	conf.Producer.Idempotent = true
	conf.Producer.Transaction.ID = fresh()
	conf.Producer.Transaction.Timeout = 5 * time.Minute
	conf.Net.MaxOpenRequests = 1
	p, err := sarama.NewSyncProducer(e.seeds(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
