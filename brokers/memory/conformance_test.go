package memory_test

import (
	"testing"

	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
)

func TestConformance(t *testing.T) {
	for name, face := range map[string]func() (brokertest.Subject, *memory.Server){
		"topic": memorytest.Topic, "exchange": memorytest.Exchange, "queue": memorytest.Queue,
		"SNS": memorytest.SNS, "SQS": memorytest.SQS,
	} {
		t.Run(name, func(t *testing.T) {
			subject, _ := face()
			brokertest.Run(t, subject)
		})
	}
}
