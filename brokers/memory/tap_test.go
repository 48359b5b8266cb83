package memory_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/message"
)

// A tap's queue that overflows says what it lost, and the tap goes on.
func TestFullTapIsAGap(t *testing.T) {
	for name, setUp := range map[string]func(*memory.Server) (brokers.Channel, func(string) error){
		"exchange": func(s *memory.Server) (brokers.Channel, func(string) error) {
			must(t, s.DeclareExchange("x", memory.Fanout))
			return brokers.Channel{Name: "c", Exchange: "x"}, func(body string) error {
				_, err := s.Publish("x", "", text(body))
				return err
			}
		},
		"SNS": func(s *memory.Server) (brokers.Channel, func(string) error) {
			s.CreateSNS("x")
			return brokers.Channel{Name: "c", SNS: "x"}, func(body string) error {
				_, err := s.Notify("x", text(body))
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(memory.Options{TapLimit: 3})
			ch, send := setUp(s)
			armed, events := tap(t, s, 0, ch)
			for _, body := range strings.Fields("a b c d e f g h i j") {
				must(t, send(body))
			}
			var lost, seen int
			caught := make(chan error, 1)
			go func() {
				_, err := armed.CatchUp(soon(t))
				caught <- err
			}()
			for done := false; !done; {
				select {
				case e := <-events:
					if e.Mark != nil {
						lost++
						wantError(t, errorOf(e.Mark.Reason), "the tap's queue was full")
					} else {
						seen++
					}
				case err := <-caught:
					must(t, err)
					done = true
				}
			}
			if lost == 0 || seen < 3 || seen >= 10 {
				t.Errorf("%d gaps and %d messages of 10 through a queue of 3", lost, seen)
			}
		})
	}
}

// errorOf makes an error of a text, to be looked into like one.
func errorOf(text string) error { return &textError{text} }

type textError struct{ text string }

func (e *textError) Error() string { return e.text }

// A tap of a queue sees what its dead letters bring back, and where it came by.
func TestQueueTapSeesRetries(t *testing.T) {
	s := server(memory.Options{})
	work := queue(t, s, "work", deadLetters("work"))
	_, events := tap(t, s, 10, brokers.Channel{Name: "w", Queue: "work"})
	publish(t, s, "work", "k", "x")
	next(t, work).Reject(false)
	first, again := <-events, <-events
	if first.Observation.Position != message.Nth(1) || again.Observation.Position != message.Nth(2) {
		t.Errorf("positions %s, %s", first.Observation.Position, again.Observation.Position)
	}
	want := map[string]any{"exchange": "work", "routing-key": "k"}
	if diff := cmp.Diff(want, again.Observation.Properties); diff != "" {
		t.Error(diff)
	}
	if _, dead := again.Observation.Header("x-death"); !dead || !again.Observation.Seen.Equal(epoch) {
		t.Errorf("again: %+v", again.Observation)
	}
}

// Without a routing key, a tap of a direct exchange takes what its queues get.
func TestDirectWithoutKey(t *testing.T) {
	s := server(memory.Options{})
	must(t, s.DeclareExchange("x", memory.Direct))
	must(t, s.DeclareQueue("q", memory.QueueOptions{}))
	must(t, s.Bind("x", "a", "q"))
	must(t, s.Bind("x", "b", "q"))
	_, first := tap(t, s, 5, brokers.Channel{Name: "c", Exchange: "x", RoutingKeys: []string{"other"}})
	armed, events := tap(t, s, 5, brokers.Channel{Name: "c", Exchange: "x"})
	for _, key := range []string{"a", "other", "b"} {
		publish(t, s, "x", key, key)
	}
	if _, err := armed.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || string((<-events).Observation.Payload) != "a" || string((<-events).Observation.Payload) != "b" {
		t.Errorf("%d messages are left, want a and b seen", len(events))
	}
	if e := <-first; string(e.Observation.Payload) != "other" {
		t.Errorf("by a key of its own: %s", e.Observation.Payload)
	}
}

// flowcheck's own publishing to a queue goes by the default exchange, where a
// tap does not see it.
func TestPublishToQueue(t *testing.T) {
	s := server(memory.Options{})
	work := queue(t, s, "work", memory.QueueOptions{})
	p, err := memory.Adapter(s).OpenPublisher(soon(t), brokers.Config{URL: s.URL()})
	must(t, err)
	_, err = p.Publish(soon(t), brokers.Channel{Name: "w", Queue: "work"}, brokers.Outgoing{Message: text("x")})
	must(t, err)
	if d := next(t, work); d.Exchange != "" || d.RoutingKey != "work" {
		t.Errorf("came by exchange %q with key %q", d.Exchange, d.RoutingKey)
	}
	_, err = p.Publish(soon(t), brokers.Channel{Name: "w", Queue: "absent"}, brokers.Outgoing{Message: text("x")})
	wantError(t, err, `channel w: publish: queue "absent" on memory://test does not exist`)
}

// A tap does not make a message routable.
func TestTapIsNoReader(t *testing.T) {
	s := server(memory.Options{})
	must(t, s.DeclareExchange("x", memory.Topic))
	_, events := tap(t, s, 1, brokers.Channel{Name: "c", Exchange: "x", RoutingKeys: []string{"a.#"}})
	if taken, err := s.Publish("x", "a.b", text("x")); taken != 0 || err != nil {
		t.Errorf("taken by %d, %v", taken, err)
	}
	<-events
}

// An intrusive tap that ends gives back what it has in hand.
func TestIntrusiveTapGivesBack(t *testing.T) {
	s := server(memory.Options{})
	must(t, s.CreateSQS("mail", memory.SQSOptions{}))
	armed, events := tap(t, s, 0, brokers.Channel{Name: "m", SQS: "arn:aws:sqs:eu-west-1:1:mail", Intrusive: true})
	_, err := s.Send("mail", text("1"))
	must(t, err)
	_, err = s.Send("mail", text("2"))
	must(t, err)
	if e := <-events; string(e.Observation.Payload) != "1" {
		t.Fatalf("first: %s", e.Observation.Payload)
	}
	must(t, armed.Close(context.Background()))
	if r := receive(t, s, "mail"); string(r.Payload) != "2" {
		t.Errorf("left: %s", r.Payload)
	}
}

func TestEnvelopeTap(t *testing.T) {
	s := server(memory.Options{})
	s.CreateSNS("news")
	_, events := tap(t, s, 1, brokers.Channel{Name: "n", SNS: "news", Envelope: true})
	_, err := s.Notify("news", text("x"))
	must(t, err)
	if e := <-events; !strings.Contains(string(e.Observation.Payload), `"Message":"x"`) {
		t.Errorf("seen: %s", e.Observation.Payload)
	}
}

func TestCheck(t *testing.T) {
	check := memory.Adapter().Check
	for part, ch := range map[string]brokers.Channel{
		"neither streams nor a firehose":       {Name: "c", Stream: "s"},
		"has neither":                          {Name: "c", Queue: "q", Firehose: true},
		"has 2 (topic, sns)":                   {Name: "c", Topic: "t", SNS: "s"},
		"channel c: it needs one of":           {Name: "c"},
		"a routing key belongs to an exchange": {Name: "c", Queue: "q", RoutingKeys: []string{"k"}},
	} {
		wantError(t, check(ch), part)
	}
}

// ask opens a tapper and asks whether a channel is quiet.
func ask(t testing.TB, s *memory.Server, ch brokers.Channel) string {
	t.Helper()
	tapper, err := memory.Adapter(s).OpenTapper(soon(t), brokers.Config{URL: s.URL()})
	must(t, err)
	defer tapper.Close()
	q, err := tapper.(brokers.Watcher).Quiet(soon(t), []brokers.Channel{ch})
	must(t, err)
	if !q.Known || q.Quiet != (q.Reason == "") {
		t.Errorf("Quiet says %+v", q)
	}
	return q.Reason
}

// Only what somebody will work on is work: a queue of dead letters rests, one
// with a time to live goes on by itself.
func TestQuietQueues(t *testing.T) {
	s := server(memory.Options{})
	must(t, s.DeclareExchange("x", memory.Fanout))
	for name, o := range map[string]memory.QueueOptions{"parked": {}, "work": {}, "wait": {TTL: 1 << 40, DeadLetter: &memory.DeadLetter{}}} {
		must(t, s.DeclareQueue(name, o))
		publish(t, s, "", name, "x")
	}
	must(t, s.Bind("x", "", "parked"))
	if why := ask(t, s, brokers.Channel{Exchange: "x"}); why != "" {
		t.Errorf("a queue without consumers is work: %s", why)
	}
	must(t, s.Bind("x", "", "wait"))
	if why := ask(t, s, brokers.Channel{Exchange: "x"}); why != "queue wait holds 1 messages" {
		t.Errorf("a waiting queue: %q", why)
	}
	c, err := s.Consume("work")
	must(t, err)
	d := next(t, c)
	if why := ask(t, s, brokers.Channel{Queue: "work"}); why != "queue work holds 1 messages" {
		t.Errorf("an unacknowledged message: %q", why)
	}
	d.Ack()
	if why := ask(t, s, brokers.Channel{Queue: "work"}); why != "" {
		t.Errorf("nothing: %q", why)
	}
}

// Beside its topic, a queue of SQS is what is waited for.
func TestQuietSQS(t *testing.T) {
	s := server(memory.Options{})
	s.CreateSNS("news")
	for _, name := range []string{"mine", "other"} {
		must(t, s.CreateSQS(name, memory.SQSOptions{}))
		must(t, s.Subscribe("news", name, true))
	}
	_, err := s.Notify("news", text("x"))
	must(t, err)
	both := brokers.Channel{Name: "n", SNS: "news", SQS: "https://sqs/1/mine"}
	must(t, memory.Adapter(s).Check(both))
	held := receive(t, s, "mine")
	if why := ask(t, s, both); why != "SQS queue mine holds 1 messages" {
		t.Errorf("in flight: %q", why)
	}
	must(t, s.Delete("mine", held.Handle))
	if why := ask(t, s, both); why != "" {
		t.Errorf("its queue is empty: %q", why)
	}
	if why := ask(t, s, brokers.Channel{Name: "n", SNS: "news"}); why != "SQS queue other holds 1 messages" {
		t.Errorf("all queues: %q", why)
	}
}

func TestQuietGroups(t *testing.T) {
	s := server(memory.Options{})
	s.CreateTopic("orders", 1)
	produce(t, s, "orders", "", "x")
	if why := ask(t, s, brokers.Channel{Topic: "orders"}); why != "" {
		t.Errorf("without groups: %q", why)
	}
	gone, err := s.Join("gone", "orders")
	must(t, err)
	gone.Leave()
	if why := ask(t, s, brokers.Channel{Topic: "orders"}); why != "" {
		t.Errorf("a group without members: %q", why)
	}
	if why := ask(t, s, brokers.Channel{Topic: "orders", Consumers: []string{"gone"}}); why != "group gone has 1 messages of orders to go" {
		t.Errorf("a group by its name: %q", why)
	}
	live, err := s.Join("live", "orders")
	must(t, err)
	if why := ask(t, s, brokers.Channel{Topic: "orders"}); why != "group live has 1 messages of orders to go" {
		t.Errorf("a live group: %q", why)
	}
	if why := ask(t, s, brokers.Channel{Topic: "orders", Consumers: []string{"other"}}); why != "" {
		t.Errorf("a group that is not waited for: %q", why)
	}
	live.Commit(read(t, live, 1)[0])
	if why := ask(t, s, brokers.Channel{Topic: "orders"}); why != "" {
		t.Errorf("committed: %q", why)
	}
}
