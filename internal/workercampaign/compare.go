package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/flowcheck/flowcheck/internal/campaign"
)

// record is what of a line of a findings file matters here.
type record struct {
	Time                                       time.Time
	Event, ID, Kind, Chain, Step, Rule, Reason string
	Chains                                     struct{ Total int }
}

// told is what findings files say together.
type told struct {
	stands  map[string]string // by id
	unknown map[string]string
	chains  int
	again   int // told by more than one worker, or more than once
}

// read reads the findings files of processes: of several words on one finding the
// last counts.
func read(all ...*process) (*told, error) {
	var records []record
	for _, p := range all {
		data, err := os.ReadFile(filepath.Join(p.state, "findings.jsonl"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			var r record
			if json.Unmarshal(line, &r) == nil { // the last line may be being written
				records = append(records, r)
			}
		}
	}
	slices.SortStableFunc(records, func(a, b record) int { return a.Time.Compare(b.Time) })
	t := &told{stands: map[string]string{}, unknown: map[string]string{}}
	counts := map[string]int{}
	for i, r := range records {
		switch r.Event {
		case "finding":
			if t.stands[r.ID] != "" {
				t.again++
			}
			t.stands[r.ID] = fmt.Sprint(r.Kind, " ", r.Chain, " ", r.Step, " ", r.Rule)
		case "withdrawn":
			delete(t.stands, r.ID)
		case "unknown":
			t.unknown[r.ID] = r.Chain + ": " + r.Reason
		case "chains":
			if r.ID == "" {
				r.ID = fmt.Sprint(i)
			}
			counts[r.ID] = r.Chains.Total
		}
	}
	for _, n := range counts {
		t.chains += n
	}
	return t, nil
}

// compare waits until both have told the same, every chain and every fault, and says
// what differs where that does not come about.
func compare(ctx context.Context, calm *process, t *team, l *load) error {
	var a, b *told
	err := campaign.Wait(ctx, func() (bool, error) {
		var err error
		if a, err = read(calm); err == nil {
			b, err = read(t.all...)
		}
		return err == nil && len(a.stands) >= l.faults && a.chains >= l.chains && b.chains >= l.chains &&
			campaign.Same(a.stands, b.stands) && campaign.Same(a.unknown, b.unknown), err
	})
	if a != nil && b != nil {
		fmt.Printf("%d chains with a fault; one process: %d chains, %d findings stand, %d unknowns; workers: %d chains, %d findings, %d unknowns, %d told again\n",
			l.faults, a.chains, len(a.stands), len(a.unknown), b.chains, len(b.stands), len(b.unknown), b.again)
		campaign.Only(os.Stdout, "one process", a.stands, b.stands)
		campaign.Only(os.Stdout, "workers", b.stands, a.stands)
		campaign.Only(os.Stdout, "unknown, one process", a.unknown, b.unknown)
		campaign.Only(os.Stdout, "unknown, workers", b.unknown, a.unknown)
	}
	if err != nil {
		for _, p := range t.all {
			fmt.Printf("%s:\n%s\n", p.state, p.lastWords())
		}
	}
	return err
}
