package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"go.uber.org/goleak"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/message"
)

func TestConformanceOnKafka(t *testing.T) {
	e := realKafka(t)
	s := e.subject(t, "kafkatest-")
	brokertest.Run(t, s)
}

func TestConformanceOnFake(t *testing.T) {
	e := openFake(t, kfake.NumBrokers(3), kfake.AllowAutoTopicCreation())
	brokertest.Run(t, e.subject(t, ""))
}

// subject is what the adapter claims on any Kafka. Only objects whose name
// begins with ours are compared: others may use a real Kafka at the same time.
func (e *env) subject(t *testing.T, ours string) brokertest.Subject {
	guarded := fakeKafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "flowcheck", "right-pa55word"))
	return brokertest.Subject{
		Adapter:     Adapter(),
		Config:      e.config(),
		Unreachable: brokers.Config{URL: "kafka://127.0.0.1:1", Username: "u", Password: "s3cret-pa55"},
		Refused:     brokers.Config{URL: "kafka://" + guarded.addr, Username: "flowcheck", Password: "wr0ng-pa55"},
		NewChannel: func(t testing.TB, o brokertest.ChannelOptions) brokers.Channel {
			if o.State == brokertest.Absent {
				return brokers.Channel{Topic: fresh()}
			}
			return e.topic(t, int32(max(o.Partitions, 1)))
		},
		// The fake broker's own: a connection of its that a neighbour still uses.
		Leaks: []goleak.Option{
			goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read.func1"),
			goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"),
			goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write"),
		},
		NewConsumer: func(t testing.TB, ch brokers.Channel) brokertest.Consumer { return e.join(t, ch.Topic) },
		Observe: func(t testing.TB) func() {
			before := e.snapshot(t, ours)
			return func() {
				if diff := cmp.Diff(before, e.snapshot(t, ours)); diff != "" {
					t.Errorf("the system under test has changed:\n%s", diff)
				}
			}
		},
		Claims: brokertest.Claims{
			BrokerTime: true, ProducerClock: true, Ordered: true, Positions: message.PartitionOffset, Receipts: true,
			Keys: true, NilKey: true, RepeatedHeaders: true, BinaryHeaders: true, Tombstones: true, EmptyBody: true,
			BinaryBody: true, Partitions: true, StartBeginning: true, StartOffset: true, StartTime: true,
			ExactCatchUp: true, Quiet: true, Identity: true,
			MaxMessage: 1_000_000, // max.message.bytes is 1048588 by default
		},
		Unserved: map[string]string{"untappable": "every topic can be tapped"},
	}
}

// snapshot is all that a broker tells of its topics and groups: names,
// partitions, ends, members and committed offsets.
func (e *env) snapshot(t testing.TB, ours string) (all []string) {
	t.Helper()
	// A topic that was made or deleted just now has no leader that knows of it.
	eventually(t, "the broker tells of everything", func() string {
		var err error
		if all, err = e.look(t, ours); err != nil {
			return err.Error()
		}
		return ""
	})
	return all
}

func (e *env) look(t testing.TB, ours string) ([]string, error) {
	t.Helper()
	mine := func(name string) bool { return strings.HasPrefix(name, ours) || strings.Contains(name, "flowcheck") }
	var all []string
	topics, err := e.admin.ListTopics()
	must(t, err)
	client, err := sarama.NewClient(e.seeds(), plainConfig())
	must(t, err)
	defer client.Close()
	wanted := map[string][]int32{}
	for name, detail := range topics {
		if !mine(name) {
			continue
		}
		for p := range detail.NumPartitions {
			wanted[name] = append(wanted[name], p)
			end, err := client.GetOffset(name, p, sarama.OffsetNewest)
			if err != nil {
				return nil, err
			}
			all = append(all, fmt.Sprintf("topic %s/%d ends at %d", name, p, end))
		}
	}
	groups, err := e.admin.ListConsumerGroups()
	must(t, err)
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if mine(name) {
			all = append(all, e.groupSnapshot(t, name, wanted)...)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (e *env) groupSnapshot(t testing.TB, name string, topics map[string][]int32) (all []string) {
	t.Helper()
	described, err := e.admin.DescribeConsumerGroups([]string{name})
	must(t, err)
	all = append(all, fmt.Sprintf("group %s is %s with %v", name, described[0].State, slices.Sorted(maps.Keys(described[0].Members))))
	offsets, err := e.admin.ListConsumerGroupOffsets(name, topics)
	must(t, err)
	for topic, partitions := range topics {
		for _, p := range partitions {
			if b := offsets.GetBlock(topic, p); b != nil {
				all = append(all, fmt.Sprintf("group %s has %s/%d at %d", name, topic, p, b.Offset))
			}
		}
	}
	return all
}
