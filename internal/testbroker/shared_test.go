package testbroker

import (
	"fmt"
	"strings"
	"testing"
)

// verdict is a test that only notes how it was ended.
type verdict struct {
	testing.TB
	skipped, failed string
}

func (v *verdict) Helper() {}

func (v *verdict) Skipf(format string, args ...any) { v.skipped = fmt.Sprintf(format, args...) }

func (v *verdict) Fatalf(format string, args ...any) { v.failed = fmt.Sprintf(format, args...) }

func TestSharedBrokers(t *testing.T) {
	brokers := map[string]func(testing.TB) string{
		EnvKafka: Kafka, EnvRabbitMQ: RabbitMQ, EnvManagement: Management, EnvMinistack: Ministack, EnvElasticMQ: ElasticMQ, EnvMariaDB: MariaDB,
	}
	for env, broker := range brokers {
		t.Run(env, func(t *testing.T) {
			t.Setenv(EnvNoSkip, "")
			t.Setenv(env, "somewhere")
			var there verdict
			if got := broker(&there); got != "somewhere" || there.skipped != "" || there.failed != "" {
				t.Errorf("with an address: %q, %+v", got, there)
			}

			t.Setenv(env, "")
			var skips verdict
			broker(&skips)
			if !strings.Contains(skips.skipped, env+" is not set: go run ./internal/withbrokers -only ") || skips.failed != "" {
				t.Errorf("without an address: %+v", skips)
			}

			t.Setenv(EnvNoSkip, "1")
			var fails verdict
			broker(&fails)
			if !strings.Contains(fails.failed, env) || fails.skipped != "" {
				t.Errorf("without an address, where nothing may be skipped: %+v", fails)
			}
		})
	}
}
