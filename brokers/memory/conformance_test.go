package memory_test

import (
	"testing"

	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
)

func TestConformance(t *testing.T) {
	t.Run("topic", func(t *testing.T) { brokertest.Run(t, memorytest.Topic()) })
	t.Run("exchange", func(t *testing.T) { brokertest.Run(t, memorytest.Exchange()) })
	t.Run("queue", func(t *testing.T) { brokertest.Run(t, memorytest.Queue()) })
	t.Run("SNS", func(t *testing.T) { brokertest.Run(t, memorytest.SNS()) })
	t.Run("SQS", func(t *testing.T) { brokertest.Run(t, memorytest.SQS()) })
}
