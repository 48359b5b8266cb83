package rabbitmq

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// journal is what a reader of a durable tap has on its disk.
type journal struct {
	s      *site
	ch     brokers.Channel
	run    string
	proxy  *toxiproxy.Proxy
	told   int // messages, which are numbered from 0 and positioned from 1
	kept   int // of them, about
	fences []message.Mark
	gaps   []message.Mark
}

func newJournal(s *site) *journal {
	return &journal{s: s, ch: s.orders(), run: s.config().RunID}
}

// resume is what a tap is given to go on with.
func (j *journal) resume() []message.Mark {
	if len(j.fences) == 0 {
		return nil
	}
	return append(j.fences[max(0, len(j.fences)-16):], message.Mark{Kind: message.MarkFence, Channel: j.ch.Name, Position: message.Nth(int64(j.told + 1))})
}

// start arms the tap of a process.
func (j *journal) start(limits *limits) *tapped {
	var cfg brokers.Config
	cfg, j.proxy = j.s.proxied("")
	cfg.RunID = j.run
	opened, err := openTapper(j.s.ctx(), cfg)
	j.s.must(err)
	j.kept = j.told - 201
	j.s.Cleanup(func() { _ = opened.Close() }) // its way to the broker may be cut for good
	tp := opened.(*tapper)
	if limits != nil {
		tp.limits = *limits
	}
	return j.s.arm(tp, brokers.TapConfig{Channels: []brokers.Channel{j.ch}, Durable: true, Resume: j.resume()})
}

// take takes n messages, or until nothing comes, and keeps what kept says.
func (j *journal) take(w *tapped, n int, kept func() bool) {
	j.s.Helper()
	deadline := time.After(patience / 3)
	for have := 0; have < n; {
		var e message.Event
		select {
		case e = <-w.events:
		case <-deadline:
			j.s.Fatalf("%d messages of %d came, then none", have, n)
		}
		switch {
		case e.Mark != nil && e.Mark.Kind == message.MarkGap:
			j.gaps = append(j.gaps, *e.Mark)
		case e.Mark != nil:
			j.fences = append(j.fences, *e.Mark)
			if e.Mark.Kept != nil && (kept() || j.told-j.kept > 200) { // no more than so many may be in a tap's hands
				e.Mark.Kept()
				j.kept = j.told
			}
		case e.Observation.Position.Offset <= int64(j.told): // told again: a journal knows
		default:
			if want := strconv.Itoa(j.told); string(e.Observation.Payload) != want || e.Observation.Position != message.Nth(int64(j.told+1)) {
				j.s.Fatalf("number %s came as %s %q", want, e.Observation.Position, e.Observation.Payload)
			}
			j.told, have = j.told+1, have+1
		}
	}
}

// die cuts a tap off without a word.
func (j *journal) die(*tapped) { j.proxy.Stop() }

// TestADurableTapGoesOnAfterItsProcessDied: whatever had been acknowledged, each
// message comes, and is numbered as it was.
func TestADurableTapGoesOnAfterItsProcessDied(t *testing.T) {
	s := newSite(t)
	j := newJournal(s)
	rng := rand.New(rand.NewPCG(3, 4))
	p := s.publisher()
	w := j.start(nil)
	sent := 0
	for range 8 {
		n := 20 + rng.IntN(500)
		s.publish(p, j.ch, numbers(sent, n)...)
		sent += n
		some := rng.IntN(3)
		j.take(w, rng.IntN(sent-j.told), func() bool { return rng.IntN(3) < some })
		j.die(w)
		w = j.start(nil)
	}
	j.take(w, sent-j.told, func() bool { return true })
	if len(j.gaps) > 0 {
		t.Fatalf("gaps: %+v", j.gaps)
	}
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}

// TestWhatWasLostWhileAwayIsAGap: a queue that is gone, one that forgot, as a
// broker does that is restarted, and one that was full.
func TestWhatWasLostWhileAwayIsAGap(t *testing.T) {
	for name, c := range map[string]struct {
		harm   func(s *site, queue string)
		reason string
	}{
		"gone": {func(s *site, queue string) {
			_, err := s.ch.QueueDelete(queue, false, false, false)
			s.must(err)
		}, "not running"},
		"restarted": {func(s *site, queue string) {
			_, err := s.ch.QueuePurge(queue+"-place", false)
			s.must(err)
		}, "restarted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			j := newJournal(s)
			w := j.start(nil)
			s.publish(s.publisher(), j.ch, numbers(0, 30)...)
			j.take(w, 20, func() bool { return false })
			queue := w.tap.(*tap).readers[0].(*queueReader).queue
			j.die(w)
			eventually(t, "the messages are given back", func() string {
				if s.ready(queue) < 20 {
					return strconv.Itoa(s.ready(queue))
				}
				return ""
			})
			c.harm(s, queue)
			w = j.start(nil)
			s.publish(s.publisher(), j.ch, "20")
			j.take(w, 1, func() bool { return true })
			if len(j.gaps) != 1 || !strings.Contains(j.gaps[0].Reason, c.reason) {
				t.Fatalf("the gaps are %+v", j.gaps)
			}
			s.must(w.tap.Close(s.ctx()))
			s.nothingLeft()
		})
	}
}

// TestATapThatOverflowedWhileAway: there is a gap, and no message comes twice.
func TestATapThatOverflowedWhileAway(t *testing.T) {
	s := newSite(t)
	j := newJournal(s)
	w := j.start(&small)
	p := s.publisher()
	s.publish(p, j.ch, numbers(0, 20)...)
	j.take(w, 20, func() bool { return false })
	queue := w.tap.(*tap).readers[0].(*queueReader).queue
	j.die(w)
	eventually(t, "the messages are given back", func() string {
		if s.ready(queue) < 20 {
			return strconv.Itoa(s.ready(queue))
		}
		return ""
	})
	s.publish(p, j.ch, numbers(20, 35)...) // of 55 the queue keeps 40
	w = j.start(&small)
	var came []string
	gap := false
	for e := w.next(); ; e = w.next() {
		if e.Mark != nil {
			gap = true
			continue
		}
		came = append(came, string(e.Observation.Payload))
		if came[len(came)-1] == "54" {
			break
		}
	}
	if !gap || came[0] != "20" || len(came) != 35 {
		t.Fatalf("a gap: %v, then came %q", gap, came)
	}
	s.must(w.tap.Close(s.ctx()))
}

// TestADetachedTapLeavesItsQueue: it goes on collecting.
func TestADetachedTapLeavesItsQueue(t *testing.T) {
	s := newSite(t)
	j := newJournal(s)
	w := j.start(nil)
	p := s.publisher()
	s.publish(p, j.ch, numbers(0, 5)...)
	j.take(w, 5, func() bool { return true })
	s.must(w.tap.(brokers.Detacher).Detach(s.ctx()))
	s.publish(p, j.ch, numbers(5, 5)...)
	w = j.start(nil)
	j.take(w, 5, func() bool { return true })
	if len(j.gaps) > 0 {
		t.Fatalf("gaps: %+v", j.gaps)
	}
	s.must(w.tap.Close(s.ctx()))
	s.nothingLeft()
}
