// Package notify tells people what a shadow finds: webhooks, Slack, Teams,
// PagerDuty, a file.
//
//	shadow ── Told ──→ grouper: one outage, one alert ──→ for each target: limit → queue → payload → HTTP, again where that fails
//
// It never holds the shadow up: where a target does not keep up, notifications are
// dropped and counted.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/post"
	"github.com/flowcheck/flowcheck/shadow"
)

// Notifier is a shadow.Watcher. It is safe for concurrent use.
type Notifier struct {
	cfg     *Config
	log     *slog.Logger
	count   func(target, result string, n int)
	in      chan shadow.Record
	stop    chan struct{}
	work    sync.WaitGroup
	targets []*queue
}

// inbox is how many records may wait; queued how many alerts for one target.
const (
	inbox  = 4096
	queued = 32
)

// queue is a target with what it is still to be told.
type queue struct {
	Target
	grouper grouper
	in      chan Alert
	sent    []time.Time // in the last hour
	held    int
	to      *post.Target
}

// Start begins to notify; count is told what became of each notification: sent,
// failed or dropped.
func Start(cfg *Config, log *slog.Logger, count func(target, result string, n int)) *Notifier {
	n := &Notifier{cfg: cfg, log: log, count: count, in: make(chan shadow.Record, inbox), stop: make(chan struct{})}
	for _, t := range cfg.Targets {
		q := &queue{Target: t, grouper: grouper{cfg: cfg, groups: map[string]*group{}}, in: make(chan Alert, queued), to: postTo(&t)}
		n.targets = append(n.targets, q)
		n.work.Go(func() { n.deliver(q) })
		for _, result := range []string{"sent", "failed", "dropped"} {
			count(t.Name, result, 0)
		}
	}
	n.work.Go(n.run)
	return n
}

// Closed is shadow.Watcher's.
func (n *Notifier) Closed(string, *flows.Judgement) {}

// Told takes a record. When there is no room, the findings file still has it.
func (n *Notifier) Told(r *shadow.Record) {
	if r.Event == shadow.EventChains {
		return
	}
	short := *r
	short.Timeline = nil
	select {
	case n.in <- short:
	default:
		n.count("all", "dropped", 1)
	}
}

// Close tells what has gathered, and waits for the targets, a while at most.
func (n *Notifier) Close() {
	close(n.stop)
	n.work.Wait()
}

func (n *Notifier) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case r := <-n.in:
			n.add(&r)
		case now := <-tick.C:
			n.tell(now)
		case <-n.stop:
			for len(n.in) > 0 {
				r := <-n.in
				n.add(&r)
			}
			n.tell(time.Now().Add(n.cfg.Wait)) // nobody will tell it later
			for _, q := range n.targets {
				close(q.in)
			}
			return
		}
	}
}

func (n *Notifier) add(r *shadow.Record) {
	for _, q := range n.targets {
		if q.wants(r) {
			q.grouper.add(r)
		}
	}
}

// wants reports whether the target is to be told of the record.
func (t *Target) wants(r *shadow.Record) bool {
	switch {
	case len(t.Flows) > 0 && !slices.Contains(t.Flows, r.Flow):
		return false
	case r.Event == shadow.EventUnknown:
		return t.Unknowns
	default:
		return len(t.Kinds) == 0 || slices.Contains(t.Kinds, r.Kind)
	}
}

// tell hands the targets what is due.
func (n *Notifier) tell(now time.Time) {
	for _, q := range n.targets {
		for _, a := range q.grouper.due(now) {
			if !q.admit(&a, n.cfg.Limit, now) {
				n.count(q.Name, "dropped", 1)
				n.log.Warn("a notification is held back: the target's limit for an hour is reached", "target", q.Name)
				continue
			}
			select {
			case q.in <- a:
			default:
				n.count(q.Name, "dropped", 1)
				n.log.Warn("a notification is dropped: the target does not keep up", "target", q.Name)
			}
		}
	}
}

// admit keeps the target's limit; what ends an alert always passes.
func (q *queue) admit(a *Alert, limit int, now time.Time) bool {
	q.sent = slices.DeleteFunc(q.sent, func(at time.Time) bool { return now.Sub(at) >= time.Hour })
	if len(q.sent) >= limit && a.State != Resolved {
		q.held++
		return false
	}
	if a.State != Resolved {
		q.sent = append(q.sent, now)
	}
	a.Held, q.held = q.held, 0
	return true
}

// closeTimeout bounds how long the end waits for a target.
const closeTimeout = 10 * time.Second

// deliver sends what a target is to be told.
func (n *Notifier) deliver(q *queue) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ended:
			return
		case <-n.stop:
		}
		late := time.NewTimer(closeTimeout)
		defer late.Stop()
		select {
		case <-ended:
		case <-late.C:
			cancel()
		}
	}()
	for a := range q.in {
		if err := q.send(ctx, &a); err != nil {
			n.count(q.Name, "failed", 1)
			n.log.Error("a notification could not be sent", "target", q.Name, "error", fmt.Sprintf("%.300s", err.Error()))
			continue
		}
		n.count(q.Name, "sent", 1)
	}
}
