package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
)

func TestCommittedTransactionIsSeenAndItsMarkerIsNoObstacle(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		p := e.txn(t)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "a", "b")
		must(t, p.CommitTxn())
		a.exact("a", "b")
		a.exact()
		if end := a.tap.topics[ch.Topic].parts[0].read.Load(); end != 3 {
			t.Errorf("read up to %d, want 3: two messages and the commit marker", end)
		}
	})
}

func TestAbortedTransactionIsNeverSeen(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		p, plain := e.txn(t), e.producer(t)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		say(t, plain, ch.Topic, "before")
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "no", "never")
		say(t, plain, ch.Topic, "between")
		must(t, p.AbortTxn())
		a.exact("before", "between")
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "yes")
		must(t, p.CommitTxn())
		a.exact("yes")

		again := arm(t, e.tapper(t), brokers.Start{At: brokers.StartBeginning}, ch)
		again.exact("before", "between", "yes")
	})
}

func TestOpenTransactionIsSaidAndLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		p, plain := e.txn(t), e.producer(t)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		say(t, plain, ch.Topic, "before")
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "inside")
		say(t, plain, ch.Topic, "behind")
		got, caught := a.caught()
		if strings.Join(got, " ") != "before" {
			t.Errorf("got %q while the transaction is open, want only what lies before it", got)
		}
		if caught.Exact || !strings.Contains(caught.Reason, "transaction") {
			t.Errorf("CatchUp says %+v, want not exact because of a transaction", caught)
		}
		must(t, p.CommitTxn())
		a.exact("inside", "behind")
	})
}

func TestTapArmedDuringATransactionSeesItsCommit(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 1)
		p := e.txn(t)
		say(t, e.producer(t), ch.Topic, "long ago")
		must(t, p.BeginTxn())
		say(t, p, ch.Topic, "accepted before")
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		say(t, p, ch.Topic, "accepted after")
		must(t, p.CommitTxn())
		a.exact("accepted before", "accepted after")
	})
}

func TestCatchUpWaitsForACommitUnderWay(t *testing.T) {
	both(t, func(t *testing.T, e *env) {
		ch := e.topic(t, 3)
		p := e.txn(t)
		a := arm(t, e.tapper(t), brokers.Start{}, ch)
		for range 20 { // the markers are written after CommitTxn has returned
			must(t, p.BeginTxn())
			for partition := range int32(3) {
				sayTo(t, p, ch.Topic, partition, "x")
			}
			must(t, p.CommitTxn())
			if got, caught := a.caught(); len(got) != 3 || !caught.Exact {
				t.Fatalf("got %q, %+v: want 3 messages, exactly", got, caught)
			}
		}
	})
}

// TestCatchUpAsksBeforeItGivesUp: the tap's last fetch knows of an open
// transaction; that it was committed is told by the next one, which is late.
func TestCatchUpAsksBeforeItGivesUp(t *testing.T) {
	e := openFake(t)
	ch := e.topic(t, 1)
	p := e.txn(t)
	a := arm(t, e.tapper(t), brokers.Start{}, ch)
	must(t, p.BeginTxn())
	say(t, p, ch.Topic, "x")
	if _, caught := a.caught(); caught.Exact {
		t.Fatal("CatchUp is exact while the transaction is open")
	}
	held := make(chan struct{}, 1)
	release := make(chan struct{})
	e.fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.fake.SleepControl(func() {
			held <- struct{}{}
			<-release
		})
		return nil, nil, false
	})
	<-held
	must(t, p.CommitTxn())
	late := time.AfterFunc(3*a.tap.c.tune.patience, func() { close(release) })
	defer late.Stop()
	a.exact("x")
}
