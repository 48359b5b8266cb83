package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/Shopify/toxiproxy/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func outgoingText(text string) brokers.Outgoing {
	return brokers.Outgoing{Message: message.Message{Payload: []byte(text)}}
}

func TestKeysLieWhereJavaPutsThem(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 7)
		p := e.publisher(t)
		// kgo's key partitioner is Java's; sarama's usual one is not.
		java := kgo.StickyKeyPartitioner(nil).ForTopic(ch.Topic)
		for _, key := range []string{"o-1", "o-2", "", "a much longer key than the others", "\x00\xff", "κλειδί"} {
			m := outgoingText("x")
			m.Key = []byte(key)
			got, err := p.Publish(soon(t), ch, m)
			must(t, err)
			if want := java.Partition(&kgo.Record{Key: []byte(key)}, 7); got.Position.Partition != int32(want) {
				t.Errorf("key %q lies in partition %d, Java puts it into %d", key, got.Position.Partition, want)
			}
		}
	})
}

func TestPartitionThatIsNotThere(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 2)
	p := e.publisher(t)
	for _, n := range []int32{2, -1} {
		m := outgoingText("x")
		m.Partition = &n
		if _, err := p.Publish(soon(t), ch, m); !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), fmt.Sprint("partition ", n)) {
			t.Errorf("partition %d: got %v, want ErrAbsent", n, err)
		}
	}
}

func TestReceiptHasTheTimeOfTheRecord(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		for kind, producers := range map[string]bool{"CreateTime": true, "LogAppendTime": false} {
			if e.fake != nil && !producers {
				continue // kfake does not obey message.timestamp.type
			}
			ch := e.topic(t, 1, "message.timestamp.type", kind)
			a := arm(t, e.tapper(t), brokers.Start{}, ch)
			got, err := e.publisher(t).Publish(soon(t), ch, outgoingText("x"))
			must(t, err)
			seen := a.next().Observation
			if !seen.Time.Equal(got.Time) || seen.Position != got.Position {
				t.Errorf("%s: the receipt says %v, the tap %v at %v", kind, got, seen.Time, seen.Position)
			}
			if seen.ProducerClock != producers {
				t.Errorf("%s: the producer's clock is %t", kind, seen.ProducerClock)
			}
			if d := time.Since(seen.Time); d < -time.Second || d > time.Minute {
				t.Errorf("%s: the time is %s ago", kind, d)
			}
		}
	})
}

func TestTimesOfTheProducerAreKept(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		p := e.producer(t)
		for _, at := range []time.Time{
			time.Date(2019, 1, 2, 3, 4, 5, 678_000_000, time.UTC), // Kafka Connect copies its origin's
			time.Now().Truncate(time.Millisecond),
		} {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: ch.Topic, Timestamp: at, Value: sarama.StringEncoder("x")})
			must(t, err)
			if got := a.next().Observation; !got.Time.Equal(at) || !got.ProducerClock {
				t.Errorf("got %v (producer's: %t), want %v", got.Time, got.ProducerClock, at)
			}
		}
	})
}

func TestLargeMessageTakesNoOtherWithIt(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1, "max.message.bytes", "20000")
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		p := e.publisher(t)
		var wg sync.WaitGroup
		errs := make([]error, 60)
		for i := range errs { // together they are more than the topic takes at once
			wg.Go(func() {
				size := 3000
				if i%20 == 7 {
					size = 30_000
				}
				_, errs[i] = p.Publish(soon(t), ch, brokers.Outgoing{Message: message.Message{Payload: bytes.Repeat([]byte{'a'}, size)}})
			})
		}
		wg.Wait()
		for i, err := range errs {
			if large := i%20 == 7; large && !errors.Is(err, brokers.ErrTooLarge) || !large && err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		if got, _ := a.caught(); len(got) != 57 {
			t.Errorf("%d messages were accepted, want 57, each once", len(got))
		}
	})
}

func TestTenMegabytesWhereTheTopicTakesThem(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1, "max.message.bytes", "20000000")
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		body := bytes.Repeat([]byte("0123456789"), 1<<20)
		_, err := e.publisher(t).Publish(soon(t), ch, brokers.Outgoing{Message: message.Message{Payload: body}})
		must(t, err)
		if got := a.next().Observation; !bytes.Equal(got.Payload, body) {
			t.Errorf("%d bytes came, not what was published", len(got.Payload))
		}
		a.exact()
	})
}

func TestLostAcknowledgementIsSaidToBeUnknown(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	proxy := newProxied(t)
	tune := quick()
	tune.dial = proxy.dial
	p, err := openPublisher(soon(t), e.config(), tune)
	must(t, err)
	defer p.Close()
	_, err = p.Publish(soon(t), ch, outgoingText("x"))
	must(t, err)
	proxy.each(toxic("timeout", `"timeout":0`)) // what the broker answers is swallowed
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = p.Publish(ctx, ch, outgoingText("y"))
	if err == nil || !strings.Contains(err.Error(), "whether the broker has the message is not known") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the fate unknown", err)
	}
}

func TestPublisherSurvivesCuts(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		proxy := newProxied(t)
		tune := quick()
		tune.dial = proxy.dial
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		p, err := openPublisher(soon(t), e.config(), tune)
		must(t, err)
		defer p.Close()
		var want []string
		for i := range 60 {
			if i%20 == 10 {
				proxy.each(func(x *toxiproxy.Proxy) error { x.Stop(); return x.Start() })
			}
			text := fmt.Sprint(i)
			if _, err := p.Publish(soon(t), ch, outgoingText(text)); err != nil {
				t.Fatalf("publish %s: %v", text, err)
			}
			want = append(want, text)
		}
		a.exact(want...)
	})
}

func TestPublisherSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		proxy := newProxied(t)
		tune := quick()
		tune.dial = proxy.dial
		p, err := openPublisher(soon(t), e.config(), tune)
		must(t, err)
		defer p.Close()
		_, err = p.Publish(soon(t), ch, outgoingText("before"))
		must(t, err)
		proxy.each(func(x *toxiproxy.Proxy) error { x.Stop(); return nil })
		for i := range 5 {
			begun := time.Now()
			_, err := p.Publish(soon(t), ch, outgoingText(fmt.Sprint("during ", i)))
			if took := time.Since(begun); !errors.Is(err, brokers.ErrUnreachable) || took > patience/2 {
				t.Errorf("publish without a broker: %v after %s, want ErrUnreachable soon", err, took)
			}
		}
		proxy.each((*toxiproxy.Proxy).Start)
		_, err = p.Publish(soon(t), ch, outgoingText("after")) // at once
		must(t, err)
	})
}

func TestReceiptWithoutAPosition(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	p := e.publisher(t)
	e.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: ch.Topic, Err: kerr.DuplicateSequenceNumber})
	got, err := p.Publish(soon(t), ch, outgoingText("x")) // the broker has it already, and does not say where
	if err != nil || got.Position != (message.Position{}) {
		t.Errorf("got %+v, %v, want no position", got, err)
	}
}

func TestClosedPublisherRefuses(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	p := e.publisher(t)
	must(t, p.Close())
	if _, err := p.Publish(soon(t), ch, outgoingText("x")); err == nil {
		t.Error("a closed publisher publishes")
	}
	m := brokers.Outgoing{Message: message.Message{Payload: make([]byte, batchLimit+1)}}
	if _, err := p.Publish(soon(t), ch, m); err == nil {
		t.Error("a closed publisher publishes a large message")
	}
	must(t, p.Close())
}

func TestAbsentTopicIsNamedWithTheNearest(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		typo := ch
		typo.Topic = ch.Topic[:len(ch.Topic)-1] + "~"
		typo.Topic = strings.ReplaceAll(typo.Topic, "~", "x_")
		_, tapErr := e.tapper(t).Tap(soon(t), brokers.TapConfig{Channels: []brokers.Channel{typo}})
		_, pubErr := e.publisher(t).Publish(soon(t), typo, outgoingText("x"))
		for _, err := range []error{tapErr, pubErr} {
			if !errors.Is(err, brokers.ErrAbsent) || !strings.Contains(err.Error(), "did you mean "+ch.Topic+"?") {
				t.Errorf("got %v, want ErrAbsent and the name %s", err, ch.Topic)
			}
		}
	})
}

func TestHeaderValues(t *testing.T) {
	e := openFake(t, kfake.NumBrokers(1))
	ch := e.topic(t, 1)
	a := arm(t, e.tapper(t), brokers.Start{}, ch)
	at := time.Date(2026, 11, 22, 10, 0, 0, 5000, time.UTC)
	m := outgoingText("x")
	m.Headers = []message.Header{
		{Name: "text", Value: "t"},
		{Name: "empty", Value: ""},
		{Name: "nil", Value: nil},
		{Name: "int", Value: int64(-42)},
		{Name: "float", Value: 2.5},
		{Name: "bool", Value: true},
		{Name: "time", Value: at},
		{Name: "", Value: "no name"},
	}
	_, err := e.publisher(t).Publish(soon(t), ch, m)
	must(t, err)
	want := []message.Header{
		{Name: "text", Value: "t"},
		{Name: "empty", Value: ""},
		{Name: "nil", Value: nil},
		{Name: "int", Value: "-42"},
		{Name: "float", Value: "2.5"},
		{Name: "bool", Value: "true"},
		{Name: "time", Value: "2026-11-22T10:00:00.000005Z"},
		{Name: "", Value: "no name"},
	}
	if got := a.next().Observation.Headers; fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	m.Headers = []message.Header{{Name: "list", Value: []any{"a"}}}
	if _, err := e.publisher(t).Publish(soon(t), ch, m); err == nil || !strings.Contains(err.Error(), "list") {
		t.Errorf("a list as a header: %v", err)
	}
}
