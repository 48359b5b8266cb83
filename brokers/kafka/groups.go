package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/pause"
)

// group is a consumer group as far as it matters here.
type group struct {
	name     string
	addr     string // of its coordinator, if known
	protocol string
	kind     string // classic, consumer, share, streams; "" before Kafka 3.8
	state    string // "" before Kafka 2.6

	topics      []string // that its members read: by describe
	rebalancing bool
}

// reads reports whether a member of the group reads the topic.
func (g *group) reads(topic string) bool { return slices.Contains(g.topics, topic) }

// opaque is a group of which it cannot be told what it reads, or how far it is.
type opaque struct{ name, why string }

func (o opaque) Error() string {
	return fmt.Sprintf("how far group %s is cannot be told: %s; name the channel's other consumers", o.name, o.why)
}

// groups lists all groups. Of those that the login may not describe, brokers do
// not tell.
func (c *cluster) groups(ctx context.Context) ([]*group, error) {
	var all []*group
	for _, id := range c.brokerIDs() {
		addr, err := c.address(id)
		if err != nil {
			return nil, err
		}
		answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.ListGroupsResponse, error) {
			return b.ListGroups(&sarama.ListGroupsRequest{Version: 5})
		})
		if err == nil && !errors.Is(answer.Err, sarama.ErrNoError) {
			err = answer.Err
		}
		if err != nil {
			return nil, failed("list the groups of "+addr, err)
		}
		for name, protocol := range answer.Groups {
			data := answer.GroupsData[name]
			all = append(all, &group{
				name: name, addr: addr, protocol: protocol, kind: strings.ToLower(data.GroupType), state: data.GroupState,
			})
		}
	}
	return all, nil
}

// live are the groups that may have members who read something. Connect's
// workers share their work by a group that reads nothing.
func live(all []*group) []*group {
	return slices.DeleteFunc(slices.Clone(all), func(g *group) bool {
		return g.state == "Empty" || g.state == "Dead" || g.protocol == "connect"
	})
}

// describe fills in what the groups read.
func (c *cluster) describe(ctx context.Context, groups []*group) error {
	classic, modern := map[string][]*group{}, map[string][]*group{} // by coordinator
	for _, g := range groups {
		switch g.kind {
		case "", "classic":
			classic[g.addr] = append(classic[g.addr], g)
		case "consumer":
			modern[g.addr] = append(modern[g.addr], g)
		default:
			return opaque{g.name, "it is a " + g.kind + " group"}
		}
	}
	for addr, some := range classic {
		if err := c.describeClassic(ctx, addr, some); err != nil {
			return err
		}
	}
	for addr, some := range modern {
		if err := c.describeModern(ctx, addr, some); err != nil {
			return err
		}
	}
	return nil
}

func namesOf(groups []*group) (names []string, byName map[string]*group) {
	byName = map[string]*group{}
	for _, g := range groups {
		names, byName[g.name] = append(names, g.name), g
	}
	return names, byName
}

// describeClassic describes groups of the first protocol, whose members' plans
// are opaque to the broker but not to us.
func (c *cluster) describeClassic(ctx context.Context, addr string, groups []*group) error {
	names, byName := namesOf(groups)
	answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.DescribeGroupsResponse, error) {
		return b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: names})
	})
	if err != nil {
		return failed("describe the groups", err)
	}
	for _, d := range answer.Groups {
		g := byName[d.GroupId]
		if g == nil {
			continue
		}
		if !errors.Is(d.Err, sarama.ErrNoError) {
			return opaque{g.name, d.Err.Error()}
		}
		g.rebalancing = strings.HasSuffix(d.State, "Rebalance") // PreparingRebalance, CompletingRebalance
		if d.ProtocolType != "consumer" {
			continue
		}
		for _, m := range d.Members {
			topics, err := memberTopics(m)
			if err != nil {
				return opaque{g.name, err.Error()}
			}
			g.topics = append(g.topics, topics...)
		}
	}
	return nil
}

// memberTopics are those that a member subscribes to, or was given.
func memberTopics(m *sarama.GroupMemberDescription) ([]string, error) {
	var topics []string
	assigned, err := m.GetMemberAssignment()
	if err != nil {
		return nil, err
	}
	if assigned != nil {
		for topic := range assigned.Topics {
			topics = append(topics, topic)
		}
	}
	wanted, err := m.GetMemberMetadata()
	if err != nil {
		return nil, err
	}
	if wanted != nil {
		topics = append(topics, wanted.Topics...)
	}
	return topics, nil
}

// describeModern describes groups of the protocol of KIP-848.
func (c *cluster) describeModern(ctx context.Context, addr string, groups []*group) error {
	names, byName := namesOf(groups)
	answer, err := ask(ctx, c, addr, func(b *sarama.Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
		req := sarama.NewConsumerGroupDescribeRequest(c.conf.Version)
		req.GroupIDs = names
		return b.ConsumerGroupDescribe(req)
	})
	if err != nil {
		return failed("describe the groups", err)
	}
	for _, d := range answer.Groups {
		g := byName[d.GroupID]
		if g == nil || errors.Is(d.ErrorCode, sarama.ErrGroupIDNotFound) { // it has ended by now
			continue
		}
		if !errors.Is(d.ErrorCode, sarama.ErrNoError) {
			return opaque{g.name, d.ErrorCode.Error()}
		}
		g.rebalancing = d.GroupState == "Assigning" || d.GroupState == "Reconciling"
		for _, m := range d.Members {
			g.topics = append(g.topics, m.SubscribedTopicNames...)
			for _, given := range slices.Concat(m.Assignment.TopicPartitions, m.TargetAssignment.TopicPartitions) {
				g.topics = append(g.topics, given.TopicName)
			}
		}
	}
	return nil
}

// committed asks how far a group got in the spots; -1 where it has committed
// nothing. It follows coordinators that move.
func (c *cluster) committed(ctx context.Context, g *group, spots map[spot]place) (map[spot]int64, error) {
	const tries = 4
	wanted := map[string][]int32{}
	for s := range spots {
		wanted[s.topic] = append(wanted[s.topic], s.partition)
	}
	for try := 1; ; try++ {
		found, err := c.askCommitted(ctx, g, wanted)
		moved := isAny(err, sarama.ErrNotCoordinatorForConsumer, sarama.ErrOffsetsLoadInProgress,
			sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrUnstableOffsetCommit) || err != nil && isTransport(err)
		if !moved || try == tries {
			if err != nil {
				err = failed("ask for the offsets of group "+g.name+" (it needs Describe on Group:"+g.name+")", err)
			}
			return found, err
		}
		g.addr = ""
		if err := pause.For(ctx, 20*time.Millisecond<<try); err != nil {
			return nil, err
		}
	}
}

func (c *cluster) askCommitted(ctx context.Context, g *group, wanted map[string][]int32) (map[spot]int64, error) {
	if g.addr == "" {
		addr, err := c.coordinator(ctx, g.name)
		if errors.Is(err, errNoGroups) {
			return nowhere(wanted), nil
		}
		if err != nil {
			return nil, err
		}
		g.addr = addr
	}
	answer, err := ask(ctx, c, g.addr, func(b *sarama.Broker) (*sarama.OffsetFetchResponse, error) {
		return b.FetchOffset(sarama.NewOffsetFetchRequest(c.conf.Version, g.name, wanted))
	})
	if err != nil {
		return nil, err
	}
	switch err := answer.GroupError(); err {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound: // some brokers say so, others that it has committed nothing
		return nowhere(wanted), nil
	default:
		return nil, err
	}
	found := nowhere(wanted)
	for s := range found {
		block := answer.GetBlock(s.topic, s.partition)
		if block == nil {
			return nil, fmt.Errorf("%s: %w", s, sarama.ErrIncompleteResponse)
		}
		if !errors.Is(block.Err, sarama.ErrNoError) {
			return nil, fmt.Errorf("%s: %w", s, block.Err)
		}
		found[s] = block.Offset
	}
	return found, nil
}

// nowhere is the offsets of a group that has committed none.
func nowhere(wanted map[string][]int32) map[spot]int64 {
	none := map[spot]int64{}
	for topic, partitions := range wanted {
		for _, id := range partitions {
			none[spot{topic, id}] = -1
		}
	}
	return none
}

// errNoGroups: there has never been a group on this cluster.
var errNoGroups = errors.New("no group has ever committed anything")

// offsetsTopic is where brokers keep what groups commit. Whoever asks for a
// group's coordinator before it exists creates it, which a tap must not.
const offsetsTopic = "__consumer_offsets"

// coordinator is the address of the broker that keeps the group.
func (c *cluster) coordinator(ctx context.Context, name string) (string, error) {
	found, err := c.topics(ctx, []string{offsetsTopic})
	if err != nil {
		return "", err
	}
	if _, ok := found[offsetsTopic]; !ok { // one that may not be described is there with an error
		return "", errNoGroups
	}
	answer, err := anyone(ctx, c, func(b *sarama.Broker) (*sarama.FindCoordinatorResponse, error) {
		return b.FindCoordinator(&sarama.FindCoordinatorRequest{
			Version: 3, CoordinatorKey: name, CoordinatorType: sarama.CoordinatorGroup,
		})
	})
	if err != nil {
		return "", err
	}
	if !errors.Is(answer.Err, sarama.ErrNoError) {
		return "", answer.Err
	}
	return answer.Coordinator.Addr(), nil
}
