package shadow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// ledger is the findings file: it takes each finding once. It may be used from
// any goroutine.
type ledger struct {
	mu    sync.Mutex
	file  *os.File // nil: nothing is kept
	flows map[string]*account
	known known
	// shared: others tell findings, too, which are taken back here.
	shared bool
}

// account is what the ledger says of one flow.
type account struct {
	standing standing // findings, the last of them
	findings int
	unknowns int
	reasons  []Record
	chains   *Tally // what the last line says of all chains
}

// maxStanding bounds the findings and the reasons that a summary has whole.
const maxStanding = 1000

// standing are findings by their ids: the last maxInherited of them at least.
type standing struct{ young, old map[string]Record }

const maxInherited = 50_000

func (s *standing) set(r Record) {
	if s.young == nil || len(s.young) >= maxInherited {
		s.old, s.young = s.young, map[string]Record{}
	}
	r.Timeline = nil
	s.young[r.ID] = r
}

func (s *standing) drop(id string) {
	delete(s.young, id)
	delete(s.old, id)
}

// all calls yield for each, the younger ones first.
func (s *standing) all(yield func(Record) bool) {
	for _, of := range []map[string]Record{s.young, s.old} {
		for _, r := range of {
			if !yield(r) {
				return
			}
		}
	}
}

// known are the ids in the ledger, and whether they stand: the last maxKnown of
// them at least.
type known struct{ young, old map[string]bool }

const maxKnown = 500_000

func (k *known) get(id string) (stands, ok bool) {
	if stands, ok = k.young[id]; !ok {
		stands, ok = k.old[id]
	}
	return stands, ok
}

func (k *known) set(id string, stands bool) {
	if k.young == nil || len(k.young) >= maxKnown {
		k.old, k.young = k.young, map[string]bool{}
	}
	k.young[id] = stands
}

// openLedger reads what the file has, and goes on behind its last whole line; ""
// is no file.
func openLedger(name string) (*ledger, error) {
	l := &ledger{flows: map[string]*account{}}
	if name == "" {
		return l, nil
	}
	file, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	l.file = file
	whole, err := readLines(file, func(line []byte) error {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("findings: %s is no findings file: %w", name, err)
		}
		l.count(&r)
		return nil
	})
	if err == nil {
		err = cut(file, whole)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return l, nil
}

// maxRecordLine bounds a line of a findings file, in bytes.
const maxRecordLine = 16 << 20

// readLines gives each whole line of r and returns their length in bytes.
func readLines(r io.Reader, each func(line []byte) error) (whole int64, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		part, err := lines.ReadSlice('\n')
		long = append(long, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(long) < maxRecordLine:
			continue
		case errors.Is(err, io.EOF):
			return whole, nil // what is left is no whole line
		case err != nil:
			return whole, err
		}
		if len(bytes.TrimSpace(long)) > 0 {
			if err := each(long); err != nil {
				return whole, err
			}
		}
		whole += int64(len(long))
		long = long[:0]
	}
}

// cut leaves the first bytes of a regular file and goes to their end.
func cut(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if info.Size() != size {
		if err := file.Truncate(size); err != nil {
			return err
		}
	}
	_, err = file.Seek(size, io.SeekStart)
	return err
}

func (l *ledger) account(flow string) *account {
	a := l.flows[flow]
	if a == nil {
		a = &account{}
		l.flows[flow] = a
	}
	return a
}

// count notes what a line says.
func (l *ledger) count(r *Record) {
	a := l.account(r.Flow)
	switch r.Event {
	case EventFinding:
		l.known.set(r.ID, true)
		a.findings++
		a.standing.set(*r)
	case EventWithdrawn:
		if stands, ok := l.known.get(r.ID); ok && stands {
			a.findings--
		}
		l.known.set(r.ID, false)
		a.standing.drop(r.ID)
	case EventUnknown:
		l.known.set(r.ID, true)
		a.unknowns++
		if len(a.reasons) < maxStanding {
			a.reasons = append(a.reasons, *r)
		}
	case EventChains:
		a.chains = r.All
	}
}

// counted is how many chains of the flow had closed by the last line; nil where
// none tells.
func (l *ledger) counted(flow string) *Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.account(flow).chains
}

// fresh reports whether the record says what the ledger does not say yet.
func (l *ledger) fresh(r *Record) bool {
	stands, ok := l.known.get(r.ID)
	switch r.Event {
	case EventFinding:
		return !ok || !stands
	case EventWithdrawn:
		return ok && stands || !ok && l.shared
	case EventUnknown:
		return !ok
	default:
		return true
	}
}

// add takes the records that are new, and returns them once they are on the disk.
func (l *ledger) add(records []Record) ([]Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fresh []Record
	var lines []byte
	for i := range records {
		r := &records[i]
		if !l.fresh(r) {
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("findings: %w", err)
		}
		lines = append(append(lines, line...), '\n')
		l.count(r)
		fresh = append(fresh, *r)
	}
	if l.file == nil || len(lines) == 0 {
		return fresh, nil
	}
	if _, err := l.file.Write(lines); err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	if err := l.file.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) && !notSyncable(err) {
		return nil, fmt.Errorf("findings: %w", err)
	}
	return fresh, nil
}

// inherited are the findings of chains that stood when the file was opened, by
// chain: a process that has ended told them, and this one may have to take them
// back.
func (l *ledger) inherited(flow string) map[string][]Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string][]Record{}
	for r := range l.account(flow).standing.all {
		if r.Chain != "" && r.Rule == "" {
			all[r.Chain] = append(all[r.Chain], r)
		}
	}
	return all
}

// summary is what the ledger says of a flow.
func (l *ledger) summary(flow string, to *FlowSummary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(flow)
	to.Findings, to.Unknowns = a.findings, a.unknowns
	for r := range a.standing.all {
		if len(to.Standing) < maxStanding {
			to.Standing = append(to.Standing, r)
		}
	}
	for i := range a.reasons {
		to.Reasons = append(to.Reasons, reasonOf(&a.reasons[i]))
	}
}

func (l *ledger) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
