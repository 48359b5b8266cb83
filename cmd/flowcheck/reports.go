package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/report"
)

// reportFlags are the flags of every verb that reports.
type reportFlags struct {
	reports []string
	color   string
	kinds   []string // that the verb has; nil: reportKinds
}

// served are the kinds of report that the verb has.
func (f *reportFlags) served() []string {
	if f.kinds != nil {
		return f.kinds
	}
	return reportKinds
}

// reportKinds are the reports that --report takes.
var reportKinds = []string{"text", "json", "junit", "html", "markdown"}

func (f *reportFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.reports, "report", nil,
		"write a report: `KIND=PATH` with "+alternatives(f.served())+"; - is standard output; repeatable")
	cmd.Flags().StringVar(&f.color, "color", "auto", "colours in the text report: auto, always or never")
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("report", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		kinds := slices.Clone(f.served())
		for i := range kinds {
			kinds[i] += "="
		}
		return kinds, cobra.ShellCompDirectiveNoSpace
	})
}

// alternatives spells a list with or.
func alternatives(all []string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// reportPlan is where each report goes.
type reportPlan struct {
	color string
	out   []reportTarget
	// repeat is the command that judges the flow once more.
	repeat string
	// repros repeat what failed, one by one.
	repros []report.Repro
}

type reportTarget struct{ kind, path string }

// parse checks the flags. Without --report the text goes to standard output.
func (f *reportFlags) parse() (*reportPlan, error) {
	plan := &reportPlan{color: f.color}
	if !slices.Contains([]string{"auto", "always", "never"}, f.color) {
		return nil, fmt.Errorf("--color %s: it is auto, always or never", f.color)
	}
	onStdout := 0
	for _, r := range f.reports {
		kind, path, ok := strings.Cut(r, "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("--report %q: write KIND=PATH, such as json=report.json or text=-", r)
		}
		if !slices.Contains(f.served(), kind) {
			return nil, fmt.Errorf("--report %s: no such kind; there are %s", kind, strings.Join(f.served(), ", "))
		}
		if path == "-" {
			onStdout++
		}
		if slices.ContainsFunc(plan.out, func(t reportTarget) bool { return filepath.Clean(t.path) == filepath.Clean(path) }) && path != "-" {
			return nil, fmt.Errorf("--report: two reports go to %s", path)
		}
		plan.out = append(plan.out, reportTarget{kind, path})
	}
	if onStdout > 1 {
		return nil, fmt.Errorf("--report: only one report can go to standard output")
	}
	if onStdout == 0 && !slices.ContainsFunc(plan.out, func(t reportTarget) bool { return t.kind == "text" }) {
		plan.out = append(plan.out, reportTarget{"text", "-"})
	}
	return plan, nil
}

// whole reports whether a report shows whole messages.
func (p *reportPlan) whole() bool {
	return slices.ContainsFunc(p.out, func(t reportTarget) bool { return t.kind == "markdown" })
}

// shellWord is an argument as a shell takes it.
func shellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$`*?[](){}<>|&;#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// reporter writes the reports of one command, which may have several flows:
// text and JSON one after the other, JUnit and HTML as one file for all.
type reporter struct {
	app    *app
	plan   *reportPlan
	open   map[string]*os.File
	suites *report.Suites
	page   *report.Page
	shown  bool // standard output has a text report already
	worst  flows.State
	taken  map[string]bool // names of --repro
}

func (a *app) newReporter(plan *reportPlan) *reporter {
	return &reporter{app: a, plan: plan, open: map[string]*os.File{}, taken: map[string]bool{}, suites: &report.Suites{}, page: &report.Page{}}
}

// add reports one flow.
func (r *reporter) add(result *flows.Result, timing string) error {
	r.worst = max(r.worst, result.State)
	for _, t := range r.plan.out {
		if t.kind == "junit" || t.kind == "html" {
			continue // written whole, by close
		}
		w, err := r.writer(t)
		if err != nil {
			return err
		}
		terminal := t.path == "-" && r.app.outIsTerminal
		switch t.kind {
		case "json":
			err = report.JSON(w, result)
		case "markdown":
			err = report.Markdown(w, result, report.MarkdownOptions{Repeat: r.plan.repeat, Repros: r.plan.repros})
		default:
			if r.shown {
				fmt.Fprintln(w)
			}
			r.shown = true
			err = report.Text(w, result, report.TextOptions{Color: r.app.colored(r.plan.color, terminal), Timing: timing})
		}
		if err != nil {
			return fmt.Errorf("report %s=%s: %w", t.kind, t.path, err)
		}
	}
	r.suites.Add(result)
	r.page.Add(result)
	return nil
}

// addUnjudged reports a flow that could not be run: unknown, with the reason. A
// text report on standard output would only repeat what was told already.
func (r *reporter) addUnjudged(flow *flows.Flow, only []string, reason error) error {
	result := flows.Unjudged(flow, "run", only, reason.Error())
	quiet := *r.plan
	quiet.out = slices.DeleteFunc(slices.Clone(quiet.out), func(t reportTarget) bool { return t == reportTarget{"text", "-"} })
	all := r.plan
	r.plan = &quiet
	defer func() { r.plan = all }()
	return r.add(result, "")
}

// writer is where a report goes; a file is made anew by the first flow.
func (r *reporter) writer(t reportTarget) (io.Writer, error) {
	if t.path == "-" {
		return r.app.out, nil
	}
	name := filepath.Clean(t.path)
	if f := r.open[name]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("report %s=%s: %w", t.kind, t.path, err)
	}
	r.open[name] = f
	return f, nil
}

// close finishes the reports.
func (r *reporter) close() error {
	var errs []error
	for _, t := range r.plan.out {
		write := map[string]func(io.Writer) error{"junit": r.suites.Write, "html": r.page.Write}[t.kind]
		if write == nil || r.suites.Empty() {
			continue
		}
		w, err := r.writer(t)
		if err == nil {
			if err = write(w); err != nil {
				err = fmt.Errorf("report %s=%s: %w", t.kind, t.path, err)
			}
		}
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.open)) {
		errs = append(errs, r.open[name].Close())
	}
	return trouble(errors.Join(errs...))
}

// verdict is the exit code of all that was reported: the worst wins.
func (r *reporter) verdict() error {
	switch r.worst {
	case flows.Fail:
		return verdict(exitFail)
	case flows.NotKnown:
		return verdict(exitUnknown)
	default:
		return nil
	}
}

// reportOne reports one flow and returns its verdict as an exit code.
func (a *app) reportOne(result *flows.Result, plan *reportPlan) error {
	r := a.newReporter(plan)
	err := r.add(result, "")
	if closeErr := r.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return trouble(err)
	}
	return r.verdict()
}

// colored decides on colours: the flag, then NO_COLOR, then the terminal.
func (a *app) colored(flag string, terminal bool) bool {
	switch {
	case flag == "always":
		return true
	case flag == "never" || a.env["NO_COLOR"] != "" || a.env["TERM"] == "dumb":
		return false
	default:
		return terminal
	}
}
