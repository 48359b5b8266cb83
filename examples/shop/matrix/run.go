package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// cellTimeout bounds one run of flowcheck, closing the shop or starting it.
const cellTimeout = 10 * time.Minute

// result is what came of a cell.
type result struct {
	cell
	Exit int `json:"exit"`
	// Began is when it began, Took how many seconds it took.
	Began time.Time `json:"began"`
	Took  float64   `json:"took"`
	// Rounds is how often each scenario was run, with all its probes.
	Rounds int `json:"rounds"`
	// Verdicts are those of each scenario, and of each of its probes as
	// "scenario / probe".
	Verdicts map[string]string `json:"verdicts"`
	// Kinds are the kinds of the findings, by the probe that brought them; "" for
	// the scenarios themselves.
	Kinds map[string][]string `json:"kinds"`
	// Notes are the first texts of findings and unknowns, for people.
	Notes []string `json:"notes,omitempty"`
	// Error says why there are no verdicts.
	Error string `json:"error,omitempty"`
}

func run(ctx context.Context, c config) error {
	began := time.Now()
	results, err := readResults(c.results)
	if err != nil {
		return err
	}
	done := map[cell]bool{}
	for _, r := range results {
		done[r.cell] = r.Error == ""
	}
	out, err := os.OpenFile(c.results, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	all, closeAll, err := prepare(ctx, c)
	if err != nil {
		return err
	}
	defer closeAll()
	w := &work{began: began, budget: c.budget, out: out, cells: plan(c, done)}
	w.all = len(w.cells)
	return w.share(ctx, all)
}

// work is what is left to do, for all environments.
type work struct {
	began  time.Time
	budget time.Duration
	all    int

	mu    sync.Mutex // guards what follows
	cells []cell
	over  int
	out   *os.File
}

// share has each environment take one cell after the other.
func (w *work) share(ctx context.Context, all []*environment) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var side sync.WaitGroup
	for _, e := range all {
		side.Go(func() {
			for {
				c, ok := w.next()
				if !ok || ctx.Err() != nil {
					return
				}
				if err := w.do(ctx, e, c); err != nil {
					cancel(fmt.Errorf("bug %s, flow %s: %w", nameOf(c.Bug), c.Flow, err))
				}
			}
		})
	}
	side.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(w.cells) > 0 {
		return fmt.Errorf("the time is up: %d of %d cells were not tried; run it again for the rest", len(w.cells), w.all)
	}
	return nil
}

func (w *work) next() (c cell, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.cells) == 0 || time.Since(w.began) > w.budget {
		return c, false
	}
	c, w.cells = w.cells[0], w.cells[1:]
	return c, true
}

// openings is how often a shop is opened for a cell until that works: brokers that
// have much else to do may let a call time out.
const openings = 3

// do tries a cell and writes down what came of it.
func (w *work) do(ctx context.Context, e *environment, c cell) error {
	r, err := e.open(ctx, c)
	for n := 1; err != nil && n < openings && ctx.Err() == nil; n++ {
		fmt.Fprintf(os.Stderr, "matrix: %s on %s is opened again: %v\n", c.Flow, nameOf(c.Bug), err)
		r, err = e.open(ctx, c)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil // it was broken off
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over++
	fmt.Fprintf(os.Stderr, "matrix: %d of %d cells, %s on %s, %.0fs, after %v\n", w.over, w.all, c.Flow, nameOf(c.Bug), r.Took, time.Since(w.began).Round(time.Second))
	_, err = w.out.Write(append(line, '\n'))
	return err
}

// open opens a shop for a cell, whose flow file has it started, and tries the cell.
func (e *environment) open(ctx context.Context, c cell) (r result, err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	opening, cancel := context.WithTimeout(ctx, cellTimeout)
	defer cancel()
	if err := shop.Clear(opening, e.brokers); err != nil {
		return r, err
	}
	brokers, err := e.brokersOf(c)
	if err != nil {
		return r, err
	}
	s, closeShop, err := shop.StartOn(opening, brokers, shop.Config{Bug: c.Bug, Stretch: e.stretch, Later: true, Log: log})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, closeShop()) }()
	control, err := shop.ListenControl(ctx, "127.0.0.1:0", s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	return e.try(ctx, c, control.URL), nil
}

// try runs flowcheck once.
func (e *environment) try(ctx context.Context, c cell, control string) result {
	r := result{cell: c, Began: time.Now(), Rounds: 1}
	ctx, cancel := context.WithTimeout(ctx, cellTimeout)
	defer cancel()
	if c.Bug == "" {
		r.Rounds = e.copies
	}
	cmd := exec.CommandContext(ctx, e.program, e.arguments(c)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), append(e.ofFlowcheck, "SHOP="+control)...)
	err := cmd.Run()
	r.Took = time.Since(r.Began).Seconds()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Error = err.Error()
		return r
	}
	r.Exit = cmd.ProcessState.ExitCode()
	if said := strings.TrimSpace(errs.String()); said != "" && r.Exit > 1 {
		r.note("", said)
	}
	if err := r.read(out.Bytes()); err != nil {
		r.Error = fmt.Sprintf("%v: %s", err, strings.TrimSpace(errs.String()))
	}
	return r
}

func (e *environment) arguments(c cell) []string {
	return []string{
		"run", filepath.Join(e.flows, e.file(c)), "--report", "json=-", "--probe", cmp.Or(c.Probe, "all"), "--fail-fast", "--cut-for", e.cut.String(),
		"--parallel", strconv.Itoa(e.parallel),
	}
}

// file is the flow file of a cell: the correct shop is tried in copies.
func (e *environment) file(c cell) string {
	if c.Bug == "" {
		return sideBySide + c.Flow + ".flow.yaml"
	}
	return c.Flow + ".flow.yaml"
}

// read takes the verdicts from a report.
func (r *result) read(report []byte) error {
	var all struct {
		Scenarios []struct {
			Name, Verdict string
			Probes        []struct {
				Name, Verdict string
				Off           bool
			}
		}
		Findings []struct{ Kind, Probe, Text string }
		Unknowns []struct{ Probe, Reason string }
	}
	if len(report) == 0 {
		return errors.New("no report")
	}
	if err := json.Unmarshal(report, &all); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	r.Verdicts, r.Kinds = map[string]string{}, map[string][]string{}
	for _, s := range all.Scenarios {
		r.Verdicts[s.Name] = s.Verdict
		for _, p := range s.Probes {
			if p.Off {
				p.Verdict = "off"
			}
			r.Verdicts[s.Name+probeMark+p.Name] = p.Verdict
		}
	}
	for _, u := range all.Unknowns {
		r.note(u.Probe, u.Reason)
	}
	for _, f := range all.Findings {
		r.note(f.Probe, f.Kind+": "+f.Text)
		probe, _, _ := strings.Cut(f.Probe, ",")
		if !slices.Contains(r.Kinds[probe], f.Kind) {
			r.Kinds[probe] = append(r.Kinds[probe], f.Kind)
		}
	}
	for _, kinds := range r.Kinds {
		slices.Sort(kinds)
	}
	return nil
}

// maxNotes is how many notes a result has.
const maxNotes = 6

func (r *result) note(probe, text string) {
	if len(r.Notes) < maxNotes {
		r.Notes = append(r.Notes, strings.TrimPrefix(probe+": "+text, ": "))
	}
}

// probeMark stands between the names of a scenario and a probe.
const probeMark = " / "

// readResults reads the file of the results, which may not be there yet. Of two
// results of a cell the later counts.
func readResults(path string) ([]result, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at, all := map[cell]int{}, []result(nil)
	for n, line := range bytes.Split(data, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		if i, ok := at[r.cell]; ok {
			all[i] = r
			continue
		}
		at[r.cell] = len(all)
		all = append(all, r)
	}
	return all, nil
}
