package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
	"github.com/flowcheck/flowcheck/workers"
)

// workersFlag is what --workers says.
type workersFlag struct {
	group, broker string
	partitions    int32
	session       time.Duration
}

// parseWorkers reads group=NAME,broker=B,partitions=N,session=D; "" is nil.
func parseWorkers(text string) (*workersFlag, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // one process, and nothing wrong
	}
	w := &workersFlag{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "group":
			w.group, err = value, workers.CheckGroup(value)
		case "broker":
			w.broker = value
		case "partitions":
			var n int64
			if n, err = strconv.ParseInt(value, 10, 32); err == nil && (n < 1 || n > 256) {
				err = errors.New("1 to 256")
			}
			w.partitions = int32(n) //nolint:gosec // parsed as 32 bits
		case "session":
			if w.session, err = time.ParseDuration(value); err == nil && w.session < time.Second {
				err = errors.New("1s at least")
			}
		default:
			err = errors.New("it has group, broker, partitions and session")
		}
		if err != nil {
			return nil, fmt.Errorf("--workers %s: %w", part, err)
		}
	}
	if w.group == "" {
		return nil, errors.New("--workers group=NAME: the processes with the same name share the work")
	}
	return w, nil
}

// maskSalt goes into the hashes of masked values: the same in all workers.
func (a *app) maskSalt(id *shadow.Identity, w *workersFlag) string {
	if salt := a.env[envPrefix+"MASK_SALT"]; w != nil && salt != "" {
		return salt
	}
	return id.MaskSalt
}

// checkWorkers says what cannot be shared among processes.
func (a *app) checkWorkers(w *workersFlag, flags *shadowFlags, loaded []*flows.Flow) error {
	switch {
	case w == nil:
		return nil
	case flags.sample != "" || flags.record > 0 || flags.bytes != "":
		return errors.New("--sample, --record-last and --max-rate are for a shadow of one process")
	case flags.state == "" && flags.findings == "":
		return errors.New("--workers needs --state or --findings: each process tells what it finds in a file of its own")
	}
	for _, f := range loaded {
		if err := workers.Check(f); err != nil {
			return err
		}
		if len(f.Mask) > 0 && a.env[envPrefix+"MASK_SALT"] == "" {
			return fmt.Errorf("flow %s masks values: give every worker the same secret in FLOWCHECK_MASK_SALT, so that equal values stay equal", f.Name)
		}
	}
	return nil
}

// workersBroker is the Kafka that has flowcheck's own topic: the one of that name,
// or the only one.
func (c *connector) workersBroker(w *workersFlag, loaded []*flows.Flow) (brokers.Config, error) {
	if w == nil {
		return brokers.Config{}, nil
	}
	c.runID = "workers-" + w.group // queues stay, whoever reads them
	var found []brokers.Config
	for _, f := range loaded {
		for i := range f.Brokers {
			adapter, cfg, err := c.config(f, i)
			if err != nil {
				return cfg, err
			}
			other := slices.ContainsFunc(found, func(o brokers.Config) bool { return o.URL == cfg.URL })
			if adapter.Kind == "kafka" && !other && (w.broker == "" || w.broker == cfg.Name) {
				found = append(found, cfg)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return brokers.Config{}, errors.New("--workers needs a Kafka among the flows' brokers, for a topic of flowcheck's own")
	default:
		return brokers.Config{}, fmt.Errorf("--workers: the flows have several Kafka brokers: say broker=%s, or another", found[0].Name)
	}
}

// watch runs the shadow, alone or as one of several workers.
func (a *app) watch(ctx context.Context, cfg *shadow.Config, w *workersFlag, of brokers.Config) (*shadow.Summary, error) {
	if w == nil {
		return shadow.Run(ctx, *cfg)
	}
	return workers.Run(ctx, workers.Config{Shadow: *cfg, Group: w.group, Broker: of, Partitions: w.partitions, Session: w.session})
}
