package testbroker_test

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

// TestKafkaBehindAProxy: the further listeners send their clients to the proxies, the
// first to itself.
func TestKafkaBehindAProxy(t *testing.T) {
	t.Parallel()
	b := testbroker.OwnKafka(t)
	for at, want := range map[string]string{b.Behind: b.Proxy, b.SystemBehind[1]: b.SystemProxy[1], b.URL: b.URL} {
		client, err := sarama.NewClient([]string{at}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if all := client.Brokers(); len(all) != 1 || all[0].Addr() != want {
			t.Errorf("%s tells of %v, not of %s", at, all, want)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
