// Bugs starts the sample shop on real brokers, switches on those of its bugs
// in turn that need no probe to be found, runs flowcheck against it as a user would,
// and prints what was found. It exits 1 where anything else is found than should
// be.
//
//	go run ./examples/shop/bugs -flowcheck bin/flowcheck
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// runTimeout bounds one run of flowcheck.
const runTimeout = time.Minute

func main() {
	flowcheck := flag.String("flowcheck", "bin/flowcheck", "the program to try")
	flows := flag.String("flows", "examples/shop", "the folder of the shop's flow files")
	only := flag.String("only", "", "one bug instead of all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env, err := shop.TestEnvironment()
	ok := false
	if err == nil {
		ok, err = tryAll(ctx, trial{program: *flowcheck, flows: *flows, env: env}, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// trial is how flowcheck is run, and on which brokers.
type trial struct {
	program, flows string
	env            shop.Environment
	codings        shop.Codings
	vars           []string // of flowcheck's environment
}

// outcome is what came of one run.
type outcome struct {
	code  int
	kinds []string
	took  time.Duration
}

func tryAll(ctx context.Context, t trial, only string) (bool, error) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BUG\tEXPECTED\tFOUND\tEXIT\tTOOK\t")
	passed, failed := 0, 0
	for _, bug := range append([]shop.Bug{{}}, shop.Bugs...) {
		if only != "" && bug.Name != only || bug.Probe != "" {
			continue
		}
		got, err := t.run(ctx, bug)
		if err != nil {
			return false, fmt.Errorf("bug %q: %w", bug.Name, err)
		}
		name, want, verdict := bug.Name, bug.Kind, "ok"
		if name == "" {
			name, want = "(none)", "nothing"
		}
		if right(bug, got) {
			passed++
		} else {
			failed++
			verdict = "WRONG"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%v\t%s\n", name, want, strings.Join(got.kinds, " "), got.code, got.took.Round(10*time.Millisecond), verdict)
	}
	if err := table.Flush(); err != nil {
		return false, err
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed == 0, nil
}

// right reports whether the bug was found as what it is, or none where there is
// none.
func right(bug shop.Bug, got outcome) bool {
	if bug.Name == "" {
		return got.code == 0 && len(got.kinds) == 0
	}
	return got.code == 1 && slices.Contains(got.kinds, bug.Kind)
}

// run starts the shop with the bug, and flowcheck against it.
func (t trial) run(ctx context.Context, bug shop.Bug) (got outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if err := shop.Clear(ctx, t.env); err != nil {
		return got, err
	}
	_, closeShop, err := shop.StartOn(ctx, t.env, shop.Config{Bug: bug.Name, Log: log, Codings: t.codings})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, closeShop()) }()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, t.program, "run", filepath.Join(t.flows, bug.File()), "--report", "json=-")
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	cmd.Env = append(os.Environ(), "KAFKA="+t.env.Kafka, "RABBIT="+t.env.Rabbit, "AWS_ENDPOINT="+t.env.AWSEndpoint)
	cmd.Env = append(cmd.Env, t.vars...)
	began := time.Now()
	runErr := cmd.Run()
	got.took = time.Since(began)
	var exit *exec.ExitError
	if runErr != nil && !errors.As(runErr, &exit) {
		return got, runErr
	}
	got.code = cmd.ProcessState.ExitCode()
	if out.Len() == 0 {
		return got, fmt.Errorf("no report, exit code %d", got.code)
	}
	var report struct {
		Findings []struct{ Kind string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return got, fmt.Errorf("the report: %w", err)
	}
	for _, f := range report.Findings {
		if !slices.Contains(got.kinds, f.Kind) {
			got.kinds = append(got.kinds, f.Kind)
		}
	}
	slices.Sort(got.kinds)
	return got, nil
}
