package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/internal/pause"
	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/shadow"
)

// run takes part in the group until ctx ends.
func (w *worker) run(ctx context.Context) error {
	group, err := sarama.NewConsumerGroupFromClient(w.topic, w.client)
	if err != nil {
		return err
	}
	w.log.Info("flowcheck's own topic: nothing else is published to", "topic", w.topic, "partitions", w.parts)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() {
		for err := range group.Errors() {
			w.log.Warn("the group", "error", err)
		}
	})
	var failed error
	ended := make(chan struct{})
	work.Go(func() {
		defer close(ended)
		select {
		case failed = <-w.fatal:
			cancel()
		case <-ctx.Done():
		}
	})
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{w.topic}, &member{w: w}); err != nil && ctx.Err() == nil {
			w.log.Warn("the group is joined again", "error", err)
			_ = pause.For(ctx, time.Second) // the loop sees that ctx has ended
		}
	}
	<-ended
	err = group.Close()
	work.Wait()
	return errors.Join(failed, err)
}

// arm tells, once, that every tap is armed.
func (w *worker) arm() {
	w.armed.Do(func() {
		if w.cfg.Shadow.Status != nil {
			w.cfg.Shadow.Status.Armed.Store(true)
		}
		if w.cfg.Shadow.Armed != nil {
			w.cfg.Shadow.Armed()
		}
	})
}

// member is the worker in one generation of the group. It implements
// sarama.ConsumerGroupHandler.
type member struct {
	w       *worker
	judges  map[int32]*judge
	ready   chan known // of judges that have read what was there
	cancel  context.CancelFunc
	forward sync.WaitGroup
}

// known is what a partition says of its duty.
type known struct {
	duty   int32
	seen   time.Time // zero: nobody has had it
	places []place
}

// Setup learns what has been told of the partitions that are its own now.
func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	mine := s.Claims()[m.w.topic]
	m.w.log.Info("partitions of the group", "mine", mine, "generation", s.GenerationID())
	m.ready = make(chan known, len(mine))
	ctx, cancel := context.WithCancel(s.Context())
	m.cancel = cancel
	if err := m.take(mine); err != nil {
		return err
	}
	if len(mine) == 0 {
		m.w.arm() // it waits for another worker's end
	}
	m.forward.Go(func() { m.work(ctx, len(mine)) })
	return nil
}

// take makes the judges of the partitions, and lets go of others. One that it had
// before goes on where it is.
func (m *member) take(mine []int32) error {
	commits, err := m.w.commits(mine)
	if err != nil {
		return err
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.judges = map[int32]*judge{}
	for _, p := range mine {
		j := m.w.judges[p]
		if j == nil || j.err != nil {
			j = newJudge(m.w, p)
		}
		if err := j.resume(commits[p]); err != nil {
			return err
		}
		m.judges[p] = j
	}
	m.w.judges = m.judges
	return nil
}

// commit is what a partition's last owner has left.
type commit struct {
	low      int64 // -1: nothing
	metadata string
}

// commits asks the group's coordinator.
func (w *worker) commits(mine []int32) (map[int32]commit, error) {
	admin, err := w.admin()
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	answer, err := admin.ListConsumerGroupOffsets(w.topic, map[string][]int32{w.topic: mine})
	if err != nil {
		return nil, fmt.Errorf("ask for the offsets of group %s: %w", w.topic, err)
	}
	all := map[int32]commit{}
	for _, p := range mine {
		all[p] = commit{low: -1}
		if b := answer.GetBlock(w.topic, p); b != nil && b.Offset >= 0 {
			all[p] = commit{b.Offset, b.Metadata}
		}
	}
	return all, nil
}

// resume takes a commit: what is told before it is nobody's business any more.
func (j *judge) resume(c commit) error {
	if c.low < 0 {
		j.next = max(j.next, 0)
		return nil
	}
	var t told
	if err := json.Unmarshal([]byte(c.metadata), &t); err != nil {
		return fmt.Errorf("the commit of partition %d: %w", j.partition, err)
	}
	j.told = max(j.told, t.Told)
	if j.next < 0 {
		j.next, j.low.offset = c.low, c.low
		if !t.Began.IsZero() {
			j.began = t.Began
			j.begin()
		}
	}
	return nil
}

// Cleanup ends what the generation has begun.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.cancel()
	m.forward.Wait()
	return nil
}

// ConsumeClaim judges a partition until the generation ends.
func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	j := m.judges[claim.Partition()]
	end, err := m.w.client.GetOffset(m.w.topic, j.partition, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	caught, dirty := false, false
	for {
		if !caught && j.next >= end {
			caught = true
			d := &j.duties[j.partition]
			m.ready <- known{j.partition, d.seen, slices.Clone(d.places)}
		}
		select {
		case msg, ok := <-claim.Messages():
			if !ok {
				return j.commit(s)
			}
			if err := j.take(msg); err != nil {
				j.err = err
				m.w.fail(err)
				return err
			}
			dirty = true
		case <-tick.C:
			j.status()
			if caught && !j.began.IsZero() {
				m.w.arm()
			}
			if !dirty || !j.loud() {
				continue
			}
			dirty = false
			if err := j.commit(s); err != nil {
				m.w.fail(err)
				return err
			}
		}
	}
}

// commit has what was found reach the disk, tells it, and then that it was told.
func (j *judge) commit(s sarama.ConsumerGroupSession) error {
	if !j.loud() || j.began.IsZero() {
		return nil
	}
	c, err := j.leave()
	if err != nil {
		return err
	}
	s.MarkOffset(j.w.topic, j.partition, c.low, c.metadata)  // if it is further
	s.ResetOffset(j.w.topic, j.partition, c.low, c.metadata) // if it is not
	s.Commit()
	return nil
}

// leave tells what was found, and returns what whoever has the partition next needs
// to know.
func (j *judge) leave() (commit, error) {
	if err := j.flush(); err != nil {
		return commit{}, err
	}
	j.low.update(j)
	j.told = j.next
	return commit{j.low.offset, told{Told: j.next, Began: j.began}.String()}, nil
}

// flush tells what is new.
func (j *judge) flush() error {
	if len(j.pending) == 0 {
		return nil
	}
	fresh, err := j.w.findings.Add(j.pending)
	j.pending = nil
	for i := range fresh {
		j.tell(&fresh[i])
	}
	return err
}

func (j *judge) tell(r *shadow.Record) {
	i := slices.IndexFunc(j.w.flows, func(f *watched) bool { return f.name == r.Flow })
	status := j.w.flows[i].status
	switch r.Event {
	case shadow.EventFinding:
		status.Findings.Add(1)
	case shadow.EventWithdrawn:
		status.Withdrawn.Add(1)
	case shadow.EventUnknown:
		status.Unknowns.Add(1)
	}
	for _, watcher := range j.w.cfg.Shadow.Watchers {
		watcher.Told(r)
	}
}

// status keeps what is shown of the flow up to date, and sheds chains while memory
// is short.
func (j *judge) status() {
	short := j.memoryIsShort()
	for _, lanes := range j.lanes {
		for _, l := range lanes {
			if short {
				gone := l.live.Shed(l.live.Stats().Kept/10 + 1)
				l.flow.status.Shed.Add(int64(gone))
			}
		}
	}
	j.w.count(j)
}

// count adds up the chains of all partitions.
func (w *worker) count(j *judge) {
	for _, one := range w.flows {
		stats := j.lanes[one.name][0].live.Stats()
		w.mu.Lock()
		if one.kept == nil {
			one.kept = map[int32][2]int{}
		}
		one.kept[j.partition] = [2]int{stats.Kept, stats.Open}
		kept, open := 0, 0
		for p, n := range one.kept {
			if w.judges[p] == nil {
				delete(one.kept, p)
				continue
			}
			kept, open = kept+n[0], open+n[1]
		}
		w.mu.Unlock()
		one.status.Kept.Store(int64(kept))
		one.status.Open.Store(int64(open))
	}
}

// memoryIsShort tells whether what the last collection of garbage has left of the
// heap is beyond the limit; of each collection once.
func (j *judge) memoryIsShort() bool {
	limit := j.w.cfg.Shadow.Limits.Memory
	if limit == 0 {
		limit = shadow.DefaultMemory
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	cycle := sample[1].Value.Uint64()
	if cycle == j.cycle || int64(sample[0].Value.Uint64()) < limit { //nolint:gosec // bytes of memory
		return false
	}
	j.cycle = cycle
	return true
}

// learn fetches the schemas that a message names.
func (l *lane) learn(o *message.Observation) {
	for _, m := range l.learner.Learn(context.Background(), o, o.Seen) {
		l.live.Add(message.Event{Mark: m})
	}
}
