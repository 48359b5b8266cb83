package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

func TestRetentionPassingTheTapIsAGap(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		p := e.producer(t)
		say(t, p, ch.Topic, "0", "1")
		a := armInto(t, e.tapper(t), brokers.Start{At: brokers.StartBeginning}, make(chan message.Event), ch)
		if got := word(a.next()); got != "0" {
			t.Fatalf("got %q", got)
		}
		// One fetch has brought both, and the one behind it, asked ahead, brings the
		// next, or some of them. Nobody takes the second: the tap stands still, and the
		// rest of the log passes by.
		for i := 2; i <= 40; i++ {
			say(t, p, ch.Topic, fmt.Sprint(i))
		}
		must(t, e.admin.DeleteRecords(ch.Topic, map[int32]int64{0: 38}))
		got := a.until("40")
		var want []string
		first := max(2, slices.IndexFunc(got, func(s string) bool { return strings.HasPrefix(s, "gap") })+1)
		for i := 1; i < first; i++ {
			want = append(want, fmt.Sprint(i))
		}
		want = append(want, fmt.Sprintf("gap: retention passed the tap: offsets %d to 37 of %s/0 are gone", first, ch.Topic), "38", "39", "40")
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestStartBelowTheLogIsAGap(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		say(t, e.producer(t), ch.Topic, "0", "1", "2", "3")
		must(t, e.admin.DeleteRecords(ch.Topic, map[int32]int64{0: 2}))
		a := arm(t, e.tapper(t), brokers.Start{At: brokers.StartOffset, Offset: 1}, ch)
		a.exact(fmt.Sprintf("gap: offsets 1 to 1 of %s/0 are gone: its log begins at 2", ch.Topic), "2", "3")
		b := arm(t, e.tapper(t), brokers.Start{At: brokers.StartBeginning}, ch)
		b.exact("2", "3")
		c := arm(t, e.tapper(t), brokers.Start{At: brokers.StartOffset, Offset: 99}, ch)
		say(t, e.producer(t), ch.Topic, "4")
		c.exact("4")
	})
}

func TestNewPartitionsAreReadFromTheirBeginning(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		tune := quick()
		tune.refresh = usual().refresh // CatchUp must find them by itself
		a := arm(t, e.tapperWith(t, tune), brokers.Start{}, ch)
		e.grow(t, ch.Topic, 3)
		p := e.producer(t)
		eventually(t, "the new partition takes messages", func() string {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: ch.Topic, Partition: 2, Value: sarama.StringEncoder("new")})
			if err != nil {
				return err.Error()
			}
			return ""
		})
		a.exact("new")
	})
}

func TestNewPartitionsAreFoundWithoutBeingAsked(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		e.grow(t, ch.Topic, 2)
		p := e.producer(t)
		eventually(t, "the new partition takes messages", func() string {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: ch.Topic, Partition: 1, Value: sarama.StringEncoder("new")})
			if err != nil {
				return err.Error()
			}
			return ""
		})
		if got := word(a.next()); got != "new" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTopicDeletedAndMadeAnewIsAGap(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 2)
		say(t, e.producer(t), ch.Topic, "0", "1", "2")
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		must(t, e.admin.DeleteTopic(ch.Topic))
		if got := word(a.next()); got != "gap: topic "+ch.Topic+" was deleted" {
			t.Errorf("got %q", got)
		}
		if _, caught := a.caught(); caught.Exact || !strings.Contains(caught.Reason, ch.Topic) {
			t.Errorf("CatchUp of a deleted topic: %+v", caught)
		}
		e.makeTopic(t, ch.Topic, 1)
		say(t, e.producer(t), ch.Topic, "anew")
		got := a.until("anew")
		if want := "gap: topic " + ch.Topic + " was deleted and made anew\nanew"; strings.Join(got, "\n") != want {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
		}
		a.exact()
	})
}

func TestTopicMadeAnewUnseenIsAGap(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		tune := quick()
		tune.refresh = usual().refresh
		tune.absent = usual().absent
		p := e.producer(t)
		say(t, p, ch.Topic, "old 0", "old 1")
		a := arm(t, e.tapperWith(t, tune), brokers.Start{At: brokers.StartBeginning}, ch)
		a.exact("old 0", "old 1")
		must(t, e.admin.DeleteTopic(ch.Topic))
		eventually(t, "the topic can be made again", func() string {
			if err := e.admin.CreateTopic(ch.Topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); err != nil {
				return err.Error()
			}
			return ""
		})
		// As many messages as the old one had, and one more: by its offsets
		// alone the tap would see the last only.
		eventually(t, "the topic takes messages", func() string {
			_, _, err := e.producer(t).SendMessage(&sarama.ProducerMessage{Topic: ch.Topic, Value: sarama.StringEncoder("new 0")})
			if err != nil {
				return err.Error()
			}
			return ""
		})
		say(t, e.producer(t), ch.Topic, "new 1", "new 2")
		got, _ := a.caught()
		want := []string{"gap: topic " + ch.Topic + " was deleted and made anew", "new 0", "new 1", "new 2"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
