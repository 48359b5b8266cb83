package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/shadow"
)

// watched is the brokers of several flows, connected once each.
type watched struct {
	flows   []shadow.Watched
	tappers []shadow.Tapper
	configs []brokers.Config
}

func (w *watched) close() {
	for _, t := range w.tappers {
		_ = t.Close()
	}
}

// connectAll opens a tapper for each broker of the flows; one that several name by
// the same address and login is one. The caller closes them even with an error.
func (c *connector) connectAll(ctx context.Context, all []*flows.Flow) (*watched, error) {
	w := &watched{}
	for _, f := range all {
		of := shadow.Watched{Flow: f, Channels: brokerChannels(f), Brokers: make([]int, len(f.Brokers))}
		for i := range f.Brokers {
			of.Brokers[i] = -1
			if !slices.ContainsFunc(f.Channels, func(ch flows.Channel) bool { return ch.Broker == i }) {
				continue
			}
			var err error
			if of.Brokers[i], err = w.connect(ctx, c, f, i); err != nil {
				return w, err
			}
		}
		w.flows = append(w.flows, of)
	}
	return w, nil
}

// connect finds the tapper of a flow's broker, or opens it.
func (w *watched) connect(ctx context.Context, c *connector, f *flows.Flow, i int) (int, error) {
	adapter, cfg, err := c.config(f, i)
	if err != nil {
		return -1, err
	}
	same := func(other brokers.Config) bool {
		other.Name = cfg.Name
		return reflect.DeepEqual(other, cfg)
	}
	if n := slices.IndexFunc(w.configs, same); n >= 0 {
		return n, nil
	}
	t, err := adapter.OpenTapper(ctx, cfg)
	if err != nil {
		return -1, connectError(cfg, err)
	}
	w.configs = append(w.configs, cfg)
	w.tappers = append(w.tappers, shadow.Tapper{Name: cfg.Name, Beat: beatOf(cfg, adapter.Kind), Tapper: t})
	return len(w.tappers) - 1, nil
}

// parseBytes reads a size such as 512MiB, 20MB or 1000000; "" is 0.
func parseBytes(flag, text string) (int64, error) {
	units := []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}, {"", 1}}
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 1 || n > (1<<60)/u.size {
			break
		}
		return n * u.size, nil
	}
	return 0, fmt.Errorf("%s %q: write a size, such as 512MiB", flag, text)
}
