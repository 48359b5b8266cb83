package aws

import (
	"errors"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
)

func TestPurge(t *testing.T) {
	e := elasticMQ(t)
	ch := brokers.Channel{Name: "dead", SQS: fresh("dead")}
	url := e.queue(t, ch.SQS, nil)
	for range 3 {
		publish(t, e.publisher(t), ch, text("old"))
	}
	if err := purge(timeout(t), e.cfg, ch); err != nil {
		t.Fatal(err)
	}
	publish(t, e.publisher(t), ch, text("new"))
	if m := e.receive(t, url, 0); *m.Body != "new" {
		t.Errorf("%s is still there", *m.Body)
	}
	if err := purge(timeout(t), e.cfg, brokers.Channel{SQS: fresh("nowhere")}); !errors.Is(err, brokers.ErrAbsent) {
		t.Errorf("a queue that is not there: %v", err)
	}
}
