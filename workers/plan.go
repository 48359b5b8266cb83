package workers

import (
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/shadow"
)

// Channels are what the workers tap of the flows by a tapper, all together, as the
// taps are called. Which of them one worker taps is known when it has joined.
func Channels(all []shadow.Watched, tapper int) (channels []brokers.Channel) {
	for i := range all {
		of := &all[i]
		for n, ch := range of.Channels {
			if of.Brokers[of.Flow.Channels[n].Broker] == tapper {
				ch.Name = tapName(of.Flow.Name, ch.Name)
				channels = append(channels, ch)
			}
		}
	}
	return channels
}

// Plan is what a worker of the group does with the topic of its own. partitions is
// how many the topic gets where there is none; 0 is DefaultPartitions.
func Plan(group string, partitions int32) []brokers.Action {
	topic := Topic(group)
	if partitions == 0 {
		partitions = DefaultPartitions
	}
	return []brokers.Action{
		{Verb: "create", Object: fmt.Sprintf("topic %s, %d partitions, where there is none", topic, partitions), Permission: "Create on Topic:" + topic},
		{Verb: "publish", Object: "to topic " + topic, Permission: "Describe and Write on Topic:" + topic + "; before Kafka 3.0 IdempotentWrite on the cluster"},
		{Verb: "read", Object: "topic " + topic, Permission: "Read on Topic:" + topic},
		{Verb: "join", Object: "group " + topic, Permission: "Read on Group:" + topic},
	}
}
