// Package workers is a shadow in several processes, which share the work through a
// topic of flowcheck's own and a consumer group.
//
//	worker: taps of its share ─→ forwarder ─→ topic, by lane and key
//	worker: its partitions of the topic ─→ judge ─→ findings file of its own
//
// A partition of the topic is a journal: what is told of it is a pure function of
// what is in it, clock included. So whoever takes a partition over reads it again
// from where its oldest open chain began, says nothing up to where the last owner
// had told everything, and goes on there. What an owner told behind its last commit
// is told again, with the same ids.
//
// The owner of partition n also has duty n: it taps the nth share of the system's
// channels, and goes on where the marks in its own partition say that the duty had
// come to. What it forwards a second time is known by its place.
//
// The topic of its own is the only thing that it publishes to.
package workers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/kafka"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// Config is what a worker needs.
type Config struct {
	// Shadow is what it watches, and how. Of it Start, Record and Sample have no
	// effect, State is the folder of the findings file, and Limits.Chains are shared
	// by all partitions of the topic.
	Shadow shadow.Config
	// Group names the group: the workers with that name share the work.
	Group string
	// Broker is the Kafka that has the topic.
	Broker brokers.Config
	// Partitions is how many the topic gets if it has to be made; 0 is
	// DefaultPartitions. No more workers than that have something to do.
	Partitions int32
	// Session is how long a worker may be silent before the others take over its
	// work; 0 is DefaultSession.
	Session time.Duration
}

// The defaults of a group.
const (
	DefaultPartitions = 12
	DefaultSession    = 10 * time.Second
)

// groupName is what a group may be called: it is part of names on brokers.
var groupName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,100}$`)

// Topic is the name of the group's topic, and of its consumer group.
func Topic(group string) string { return "flowcheck-workers-" + group }

// worker is one process.
type worker struct {
	cfg      Config
	log      *slog.Logger
	topic    string
	flows    []*watched
	findings *shadow.Findings
	conf     *sarama.Config
	seeds    []string
	client   sarama.Client
	parts    int32
	tappers  []*shadow.TapperStatus

	mu     sync.Mutex
	judges map[int32]*judge
	fatal  chan error // has the first error that ends the worker
	armed  sync.Once
}

// watched is a flow, in lanes.
type watched struct {
	index  int
	name   string
	split  *flows.Split
	status *shadow.FlowStatus
	counts flows.ChainCounts // guarded by worker.mu, like kept
	kept   map[int32][2]int  // by partition: the chains in memory, and those open
}

// Check reports what keeps the flow from being split among workers.
func Check(f *flows.Flow) error {
	_, err := flows.NewSplit(f)
	return err
}

// CheckGroup reports what is wrong with a group's name.
func CheckGroup(name string) error {
	if !groupName.MatchString(name) {
		return fmt.Errorf("%q is no name of a group: up to 100 of a-z A-Z 0-9 . _ -", name)
	}
	return nil
}

// Run watches until ctx ends or the time is up: both are good ends. It returns
// what this worker has found, even beside an error.
func Run(ctx context.Context, cfg Config) (*shadow.Summary, error) {
	w := &worker{cfg: cfg, log: cfg.Shadow.Log, topic: Topic(cfg.Group), judges: map[int32]*judge{}, fatal: make(chan error, 1)}
	if err := w.open(ctx); err != nil {
		return w.summary(), fmt.Errorf("workers: %w", errors.Join(err, w.close()))
	}
	if cfg.Shadow.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Shadow.For)
		defer cancel()
	}
	err := w.run(ctx)
	if err = errors.Join(err, w.close()); err != nil {
		err = fmt.Errorf("workers: %w", err)
	}
	return w.summary(), err
}

// open connects, and makes the topic where there is none.
func (w *worker) open(ctx context.Context) error {
	var status []*shadow.FlowStatus
	for i := range w.cfg.Shadow.Flows {
		f := w.cfg.Shadow.Flows[i].Flow
		split, err := flows.NewSplit(f)
		if err != nil {
			return err
		}
		one := &watched{index: i, name: f.Name, split: split, status: &shadow.FlowStatus{Flow: f.Name}, counts: flows.ChainCounts{Outcomes: map[string]int{}}}
		w.flows, status = append(w.flows, one), append(status, one.status)
	}
	for i := range w.cfg.Shadow.Tappers {
		w.tappers = append(w.tappers, &shadow.TapperStatus{Name: w.cfg.Shadow.Tappers[i].Name})
	}
	if w.cfg.Shadow.Status != nil {
		w.cfg.Shadow.Status.Set(status, w.tappers)
	}
	name := w.cfg.Shadow.Findings
	if name == "" && w.cfg.Shadow.State != "" {
		name = filepath.Join(w.cfg.Shadow.State, "findings.jsonl")
	}
	var err error
	if w.findings, err = shadow.OpenFindings(name); err != nil {
		return err
	}
	if w.seeds, w.conf, err = kafka.Settings(w.cfg.Broker); err != nil {
		return err
	}
	w.configure()
	if w.client, err = sarama.NewClient(w.seeds, w.conf); err != nil {
		return fmt.Errorf("connect to kafka %s: %w: %w", w.cfg.Broker.Name, brokers.ErrUnreachable, err)
	}
	return w.makeTopic(ctx)
}

// fail ends the worker.
func (w *worker) fail(err error) {
	select {
	case w.fatal <- err:
	default:
	}
}

func (w *worker) close() error {
	var errs []error
	if w.client != nil {
		errs = append(errs, w.client.Close())
	}
	if w.findings != nil {
		errs = append(errs, w.findings.Close())
	}
	return errors.Join(errs...)
}

func (w *worker) summary() *shadow.Summary {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &shadow.Summary{}
	for _, one := range w.flows {
		if w.findings == nil {
			break
		}
		f := w.findings.Summary(one.name)
		f.Chains = one.counts
		for _, j := range w.judges {
			stats := j.lanes[one.name][0].live.Stats()
			f.Kept, f.Open = f.Kept+stats.Kept, f.Open+stats.Open
		}
		s.Flows = append(s.Flows, f)
	}
	return s
}
