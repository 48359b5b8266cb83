package kafka

import (
	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
)

// Settings are the addresses and sarama's configuration for a broker, login
// included, for who uses a topic of flowcheck's own. The files of cfg.TLS are
// read. It fails with brokers.ErrSettings.
func Settings(cfg brokers.Config) (seeds []string, conf *sarama.Config, err error) {
	return settings(cfg)
}
