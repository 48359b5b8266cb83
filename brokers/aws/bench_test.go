package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// The time from the call of Publish to the event, one message after the other.
// The brokers are emulators: ministack looks for a message each 100 ms while a
// receive waits.
func BenchmarkPublishToEvent(b *testing.B) {
	b.Run("topic/ministack", func(b *testing.B) {
		e := ministack(b)
		ch := brokers.Channel{Name: "mails", SNS: fresh("mail")}
		e.topic(b, ch.SNS)
		benchmarkLatency(b, e, ch)
	})
	for name, emulator := range map[string]func(testing.TB) *emulator{"ministack": ministack, "elasticmq": elasticMQ} {
		b.Run("intrusive/"+name, func(b *testing.B) {
			e := emulator(b)
			ch := brokers.Channel{Name: "dead", SQS: fresh("dead"), Intrusive: true}
			e.queue(b, ch.SQS, nil)
			benchmarkLatency(b, e, ch)
		})
	}
}

func benchmarkLatency(b *testing.B, e *emulator, ch brokers.Channel) {
	w := e.arm(b, ch)
	p := e.publisher(b)
	for b.Loop() {
		publish(b, p, ch, text("x"))
		w.take(b, 1)
	}
}

// The time from the call of Publish to the return of a CatchUp that saw the
// message: what the end of a run waits for.
func BenchmarkPublishToCaughtUp(b *testing.B) {
	e := ministack(b)
	ch := brokers.Channel{Name: "mails", SNS: fresh("mail")}
	e.topic(b, ch.SNS)
	w := e.arm(b, ch)
	p := e.publisher(b)
	for b.Loop() {
		publish(b, p, ch, text("x"))
		if got := w.rest(b); len(got) != 1 {
			b.Fatalf("%d messages", len(got))
		}
	}
}

// Messages that were there already, read by one tap.
func BenchmarkDrain(b *testing.B) {
	for name, emulator := range map[string]func(testing.TB) *emulator{"ministack": ministack, "elasticmq": elasticMQ} {
		b.Run(name, func(b *testing.B) {
			e := emulator(b)
			ch := brokers.Channel{Name: "dead", SQS: fresh("dead"), Intrusive: true}
			e.queue(b, ch.SQS, nil)
			p := e.publisher(b)
			const n = 500
			for b.Loop() {
				b.StopTimer()
				for i := range n {
					publish(b, p, ch, text(fmt.Sprint(i)))
				}
				b.StartTimer()
				w := e.arm(b, ch)
				w.take(b, n)
				b.StopTimer()
				if err := w.tap.Close(timeout(b)); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// Unwrapping alone, without a broker.
func BenchmarkObserveEnvelope(b *testing.B) {
	m := delivered(awsEnvelope)
	ch := brokers.Channel{Name: "mails", SNS: "MyTopic"}
	b.SetBytes(int64(len(awsEnvelope)))
	b.ReportAllocs()
	for b.Loop() {
		observe(ch, m, time.Time{})
	}
}
