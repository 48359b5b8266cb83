// Drill replays what the correct shop did onto the shop with each of its bugs, on
// real brokers, as a user would, and prints what was different. It exits 1 where
// the correct shop differs from itself.
//
//	go run ./examples/shop/drill -flowcheck bin/flowcheck
package main

import (
	"bytes"
	"cmp"
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

// dayProbes are what happens on the day that is recorded beside the scenarios.
const dayProbes = "duplicate,same-key,conflict,redeliver,late,reorder,poison,replay"

// runTimeout bounds one run of flowcheck.
const runTimeout = 2 * time.Minute

func main() {
	d := drill{}
	flag.StringVar(&d.program, "flowcheck", "bin/flowcheck", "the program to try")
	flag.StringVar(&d.flows, "flows", "examples/shop", "the folder of the shop's flow files")
	flag.IntVar(&d.rounds, "rounds", 10, "how often the correct shop is replayed onto itself")
	flag.StringVar(&d.only, "only", "", "one bug instead of all")
	flag.StringVar(&d.flow, "flow", "", "one flow instead of all")
	flag.StringVar(&d.dir, "keep", "", "keep the recordings in this folder")
	flag.StringVar(&d.probes, "probes", dayProbes, "the probes that are recorded")
	flag.StringVar(&d.reports, "reports", "", "write each replay's report into this folder")
	flag.BoolVar(&d.twice, "twice", false, "send everything twice")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if ok, err := d.main(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if !ok {
		os.Exit(1)
	}
}

// drill is how flowcheck is run, and on which brokers.
type drill struct {
	program, flows, only, flow string
	probes, reports            string
	rounds                     int
	twice                      bool
	env                        shop.Environment
	dir                        string // of the recordings
}

func (d *drill) main(ctx context.Context) (ok bool, err error) {
	if d.env, err = shop.TestEnvironment(); err != nil {
		return false, err
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "drill-"); err != nil {
			return false, err
		}
		defer os.RemoveAll(d.dir)
	}
	return d.all(ctx)
}

// all records each flow, and replays it.
func (d *drill) all(ctx context.Context) (ok bool, err error) {
	ok = true
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FLOW\tBUG\tONLY A PROBE\tEXIT\tDIFFERENCE")
	for _, flow := range shop.FlowNames() {
		if d.flow != "" && d.flow != flow {
			continue
		}
		if err := d.record(ctx, flow); err != nil {
			return false, err
		}
		for i := range 2 * d.rounds {
			during := ""
			if i%2 == 1 {
				during = "restart"
			}
			got, err := d.replay(ctx, flow, "", during)
			if err != nil {
				return false, err
			}
			ok = ok && got.code == 0
			fmt.Fprintf(table, "%s\t(none)\t%s\t%d\t%s\n", flow, during, got.code, got)
		}
		for _, bug := range shop.Bugs {
			if d.only != "" && bug.Name != d.only || strings.TrimSuffix(bug.File(), ".flow.yaml") != flow {
				continue
			}
			during := ""
			if bug.Probe == "restart" {
				during = bug.Probe
			}
			got, err := d.replay(ctx, flow, bug.Name, during)
			if err != nil {
				return false, fmt.Errorf("bug %s: %w", bug.Name, err)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", flow, bug.Name, bug.Probe, got.code, got)
		}
	}
	return ok, table.Flush()
}

// outcome is what a replay said.
type outcome struct {
	code  int
	kinds []string
	first string
}

func (o outcome) String() string {
	if o.first == "" {
		return strings.Join(o.kinds, " ")
	}
	return strings.Join(o.kinds, " ") + ": " + o.first
}

func (d *drill) recording(flow string) string { return filepath.Join(d.dir, flow+".jsonl") }
func (d *drill) file(flow string) string      { return filepath.Join(d.flows, flow+".flow.yaml") }

// record keeps what the correct shop does with the flow's scenarios and probes. A
// recording that is there is taken as it is.
func (d *drill) record(ctx context.Context, flow string) error {
	if _, err := os.Stat(d.recording(flow)); err == nil {
		return nil
	}
	out, code, err := d.inShop(ctx, "", "run", d.file(flow), "--probe", d.probes, "--record", d.recording(flow))
	if err == nil && code != 0 {
		err = fmt.Errorf("the correct shop, %s: exit code %d: %s", flow, code, out)
	}
	return err
}

// replay replays the recording onto a shop with the bug,
// and, where during is not empty, calls that hook meanwhile.
func (d *drill) replay(ctx context.Context, flow, bug, during string) (outcome, error) {
	args := []string{"replay", d.file(flow), d.recording(flow), "--same-target", "--ids", "fresh", "--report", "json=-"}
	if during != "" {
		args = append(args, "--during", during)
	}
	if d.twice {
		args = append(args, "--twice")
	}
	if d.reports != "" {
		args = append(args, "--report", "text="+filepath.Join(d.reports, flow+"-"+cmp.Or(bug, "none")+".txt"))
	}
	out, code, err := d.inShop(ctx, bug, args...)
	got := outcome{code: code}
	if err != nil {
		return got, err
	}
	var report struct {
		Findings []struct{ Kind, Step, Text, Expected, Actual string }
		Unknowns []struct{ Chain, Reason string }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return got, fmt.Errorf("the report: %w: %.200s", err, out)
	}
	for _, f := range report.Findings {
		if !slices.Contains(got.kinds, f.Kind) {
			got.kinds = append(got.kinds, f.Kind)
		}
		if (f.Kind == "changed" || f.Kind == "not-idempotent") && got.first == "" {
			got.first = fmt.Sprintf("%s (%.60s → %.60s)", f.Text, f.Expected, f.Actual)
		}
	}
	slices.Sort(got.kinds)
	if len(report.Findings) == 0 && len(report.Unknowns) > 0 {
		got.first = report.Unknowns[0].Reason
	}
	return got, nil
}

// inShop starts the shop with the bug, and flowcheck against it.
func (d *drill) inShop(ctx context.Context, bug string, args ...string) (report []byte, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	if err := shop.Clear(ctx, d.env); err != nil {
		return nil, 0, err
	}
	s, closeShop, err := shop.StartOn(ctx, d.env, shop.Config{Bug: bug, Log: log})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, closeShop()) }()
	control, err := shop.ListenControl(ctx, "127.0.0.1:0", s)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, d.program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "KAFKA="+d.env.Kafka, "RABBIT="+d.env.Rabbit, "AWS_ENDPOINT="+d.env.AWSEndpoint, "SHOP="+control.URL)
	runErr := cmd.Run()
	var exit *exec.ExitError
	if runErr != nil && !errors.As(runErr, &exit) {
		return nil, 0, runErr
	}
	if out.Len() == 0 {
		return nil, 0, fmt.Errorf("flowcheck %s: no report, exit code %d: %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), &errs)
	}
	return out.Bytes(), cmd.ProcessState.ExitCode(), nil
}
