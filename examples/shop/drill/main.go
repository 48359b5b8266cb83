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
	"io"
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
const runTimeout = 5 * time.Minute

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
	flag.StringVar(&d.during, "during", "none,restart,cut", "what is done to the correct shop in its rounds, to each as often: none, restart, cut")
	flag.StringVar(&d.rate, "rate", "", "how fast it is sent; by default as it was, and at half of that beside cut")
	flag.Float64Var(&d.stretch, "stretch", 1, "by how much the times of the flow files and the shop's own waits are longer, where the machine has other work")
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
	during, rate               string // of the correct rounds
	twice                      bool
	stretch                    float64
	env                        shop.Environment
	proxies                    *shop.Proxies
	dir                        string // of the recordings
}

func (d *drill) main(ctx context.Context) (ok bool, err error) {
	if d.env, err = shop.TestEnvironment(); err != nil {
		return false, err
	}
	listeners, err := shop.TestListeners()
	if err != nil {
		return false, err
	}
	if d.proxies, err = shop.PlanProxies(ctx, d.env, listeners[0]); err != nil {
		return false, err
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "drill-"); err != nil {
			return false, err
		}
		defer os.RemoveAll(d.dir)
	}
	if err := d.stretchFlows(); err != nil {
		return false, err
	}
	return d.all(ctx)
}

// stretchFlows copies the flow files to where the recordings are, with longer times.
func (d *drill) stretchFlows() error {
	for _, flow := range shop.FlowNames() {
		text, err := os.ReadFile(d.file(flow))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(d.dir, flow+".flow.yaml"), []byte(shop.Stretched(string(text), d.stretch)), 0o600); err != nil {
			return err
		}
	}
	d.flows = d.dir
	return nil
}

// all records each flow, and replays it.
func (d *drill) all(ctx context.Context) (ok bool, err error) {
	ok = true
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FLOW\tBUG\tDURING\tONLY A PROBE\tEXIT\tDIFFERENCE")
	for _, flow := range shop.FlowNames() {
		if d.flow != "" && d.flow != flow {
			continue
		}
		if err := d.record(ctx, flow); err != nil {
			return false, err
		}
		sound, err := d.sound(ctx, flow, table)
		if err != nil {
			return false, err
		}
		ok = ok && sound
		if err := d.bugs(ctx, flow, table); err != nil {
			return false, err
		}
	}
	return ok, table.Flush()
}

// sound replays a flow onto the correct shop.
func (d *drill) sound(ctx context.Context, flow string, table io.Writer) (ok bool, err error) {
	ok = true
	for i := range d.rounds {
		for _, during := range strings.Split(d.during, ",") {
			got, err := d.replay(ctx, fmt.Sprintf("%s-%d-%s", flow, i+1, during), shift{flow: flow, during: strings.TrimPrefix(during, "none")})
			if err != nil {
				return false, err
			}
			ok = ok && got.code == 0
			fmt.Fprintf(os.Stderr, "drill: %s, round %d of %d, %s: exit code %d %s\n", flow, i+1, d.rounds, during, got.code, got)
			fmt.Fprintf(table, "%s\t(none)\t%s\t\t%d\t%s\n", flow, during, got.code, got)
		}
	}
	return ok, nil
}

// bugs replays a flow onto the shop with each of its bugs.
func (d *drill) bugs(ctx context.Context, flow string, table io.Writer) error {
	for _, bug := range shop.Bugs {
		if d.only != "" && bug.Name != d.only || strings.TrimSuffix(bug.File(), ".flow.yaml") != flow {
			continue
		}
		during := ""
		if bug.Probe == "restart" || bug.Probe == "cut" {
			during = bug.Probe
		}
		got, err := d.replay(ctx, flow+"-"+bug.Name, shift{flow, bug.Name, during})
		if err != nil {
			return fmt.Errorf("bug %s: %w", bug.Name, err)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", flow, bug.Name, during, bug.Probe, got.code, got)
	}
	return nil
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
	out, code, err := d.inShop(ctx, shift{flow: flow}, "run", d.file(flow), "--probe", d.probes, "--record", d.recording(flow))
	if err == nil && code != 0 {
		err = fmt.Errorf("the correct shop, %s: exit code %d: %s", flow, code, out)
	}
	return err
}

// replay replays the recording onto a shop, and disturbs it if it is to be; the report
// has that name.
func (d *drill) replay(ctx context.Context, name string, s shift) (outcome, error) {
	args := []string{"replay", d.file(s.flow), d.recording(s.flow), "--same-target", "--ids", "fresh", "--rate", d.rateOf(s.during), "--report", "json=-"}
	if s.during != "" {
		args = append(args, "--during", s.during)
	}
	if d.twice {
		args = append(args, "--twice")
	}
	if d.reports != "" {
		args = append(args, "--report", "text="+filepath.Join(d.reports, name+".txt"))
	}
	out, code, err := d.inShop(ctx, s, args...)
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
	if len(report.Findings) > 0 {
		got.first = cmp.Or(got.first, report.Findings[0].Text)
	}
	slices.Sort(got.kinds)
	if len(report.Findings) == 0 && len(report.Unknowns) > 0 {
		got.first = report.Unknowns[0].Reason
	}
	return got, nil
}

// rateOf is how fast it is sent. There are more ways to disturb a connection than
// there are hooks, and each takes its time.
func (d *drill) rateOf(during string) string {
	if during == "cut" {
		return cmp.Or(d.rate, "0.5x")
	}
	return cmp.Or(d.rate, "as-recorded")
}

// shift is a shop with a bug that flowcheck is to work with, and what it does to it.
type shift struct{ flow, bug, during string }

// behind says that the shop connects through flowcheck's proxies.
func (s shift) behind() bool { return s.during == "cut" }

// open starts the shop; behind flowcheck's proxies its services start once flowcheck
// says so.
func (d *drill) open(ctx context.Context, s shift) (open *shop.Shop, closeShop func() error, err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	if err := shop.Clear(ctx, d.env); err != nil {
		return nil, nil, err
	}
	env := d.env
	if s.behind() {
		if env, err = d.proxies.Environment(d.file(s.flow)); err != nil {
			return nil, nil, err
		}
	}
	return shop.StartOn(ctx, env, shop.Config{Bug: s.bug, Stretch: d.stretch, Log: log, Later: s.behind()})
}

// inShop starts the shop, and flowcheck against it.
func (d *drill) inShop(ctx context.Context, sh shift, args ...string) (report []byte, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	s, closeShop, err := d.open(ctx, sh)
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
	if sh.behind() {
		cmd.Env = append(cmd.Env, d.proxies.Variables...)
	}
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
