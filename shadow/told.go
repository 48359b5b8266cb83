package shadow

import (
	"time"

	"github.com/flowcheck/flowcheck/flows"
)

// Findings is the findings file of who judges elsewhere than in Run, beside others
// that do: it takes back what others have told, too. It may be used from any
// goroutine.
type Findings struct{ ledger *ledger }

// OpenFindings reads what the file has, and goes on behind its last whole line; ""
// is no file.
func OpenFindings(name string) (*Findings, error) {
	l, err := openLedger(name)
	if err != nil {
		return nil, err
	}
	l.shared = true
	return &Findings{l}, nil
}

// Add takes the records that are new, of several words on one finding the last,
// and returns them once they are on the disk. It may change records.
func (f *Findings) Add(records []Record) ([]Record, error) { return f.ledger.add(net(records)) }

// Summary is what was told of a flow.
func (f *Findings) Summary(flow string) FlowSummary {
	s := FlowSummary{Flow: flow}
	f.ledger.summary(flow, &s)
	return s
}

// Close closes the file.
func (f *Findings) Close() error { return f.ledger.close() }

// RecordsOf are the lines that a judgement makes.
func RecordsOf(flow string, j *flows.Judgement, now time.Time) []Record {
	return recordsOf(flow, j, now)
}

// Set tells what is watched, and by which taps.
func (s *Status) Set(flows []*FlowStatus, tappers []*TapperStatus) { s.set(flows, tappers) }
