package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flowcheck/flowcheck/internal/campaign"
)

func contains(data []byte, text string) bool { return bytes.Contains(data, []byte(text)) }

// told is what a findings file says.
type told struct {
	stands  map[string]string // by id
	twice   int               // told while they stood already
	unknown map[string]string
	chains  int // that have closed, by all lines together
}

// read reads what a shadow has told so far.
func (s *shadow) read() (*told, error) {
	t := &told{stands: map[string]string{}, unknown: map[string]string{}}
	f, err := os.Open(filepath.Join(s.state, "findings.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r struct {
			Event, ID, Kind, Chain, Step, Rule, Reason string
			Chains                                     struct{ Total int }
		}
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // the last line, which is being written
		}
		t.chains += r.Chains.Total
		switch r.Event {
		case "finding":
			if t.stands[r.ID] != "" {
				t.twice++
			}
			t.stands[r.ID] = fmt.Sprint(r.Kind, " ", r.Chain, " ", r.Step, " ", r.Rule)
		case "withdrawn":
			delete(t.stands, r.ID)
		case "unknown":
			t.unknown[r.ID] = r.Chain + ": " + r.Reason
		}
	}
	return t, lines.Err()
}

// compare waits until both have told the same and every fault is found, and says
// what differs where that does not come about.
func compare(ctx context.Context, calm, victim *shadow, l *load) error {
	var a, b *told
	err := campaign.Wait(ctx, func() (bool, error) {
		var err error
		if a, err = calm.read(); err == nil {
			b, err = victim.read()
		}
		return err == nil && len(a.stands) >= l.faults && campaign.Same(a.stands, b.stands) && campaign.Same(a.unknown, b.unknown) && a.chains == b.chains && b.chains >= l.chains, err
	})
	if a != nil && b != nil {
		fmt.Printf("%d chains with a fault; left alone: %d chains counted, %d findings stand, %d unknowns; killed: %d, %d and %d; told twice: %d and %d\n",
			l.faults, a.chains, len(a.stands), len(a.unknown), b.chains, len(b.stands), len(b.unknown), a.twice, b.twice)
		campaign.Only(os.Stdout, "left alone", a.stands, b.stands)
		campaign.Only(os.Stdout, "killed", b.stands, a.stands)
		campaign.Only(os.Stdout, "unknown, left alone", a.unknown, b.unknown)
		campaign.Only(os.Stdout, "unknown, killed", b.unknown, a.unknown)
	}
	if err == nil && a.twice+b.twice > 0 {
		err = errors.New("some findings were told twice")
	}
	return err
}
