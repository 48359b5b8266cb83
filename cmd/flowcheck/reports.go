package main

import (
	"fmt"
	"io"
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
}

// reportKinds are the reports that --report takes.
var reportKinds = []string{"text", "json", "junit"}

func (f *reportFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.reports, "report", nil,
		"write a report: `KIND=PATH` with text, json or junit; - is standard output; repeatable")
	cmd.Flags().StringVar(&f.color, "color", "auto", "colours in the text report: auto, always or never")
	_ = cmd.RegisterFlagCompletionFunc("report", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"text=", "json=", "junit="}, cobra.ShellCompDirectiveNoSpace
	})
}

// reportPlan is where each report goes.
type reportPlan struct {
	color string
	out   []reportTarget
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
		if !slices.Contains(reportKinds, kind) {
			return nil, fmt.Errorf("--report %s: no such kind; there are %s", kind, strings.Join(reportKinds, ", "))
		}
		if path == "-" {
			onStdout++
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

// report writes every report and returns the verdict as an exit code.
func (a *app) report(r *flows.Result, plan *reportPlan, timing string) error {
	for _, t := range plan.out {
		if err := a.writeReport(r, t, plan.color, timing); err != nil {
			return &failure{exitUnknown, err}
		}
	}
	switch r.State {
	case flows.Fail:
		return verdict(exitFail)
	case flows.NotKnown:
		return verdict(exitUnknown)
	default:
		return nil
	}
}

func (a *app) writeReport(r *flows.Result, t reportTarget, color, timing string) (err error) {
	w, terminal := a.out, a.outIsTerminal
	if t.path != "-" {
		f, err := os.OpenFile(filepath.Clean(t.path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write the %s report: %w", t.kind, err)
		}
		w, terminal = f, false
		defer func() {
			if closeErr := f.Close(); closeErr != nil && err == nil {
				err = fmt.Errorf("write the %s report: %w", t.kind, closeErr)
			}
		}()
	}
	return a.render(w, r, t.kind, report.TextOptions{Color: a.colored(color, terminal), Timing: timing})
}

func (a *app) render(w io.Writer, r *flows.Result, kind string, opts report.TextOptions) error {
	switch kind {
	case "json":
		return report.JSON(w, r)
	case "junit":
		return report.JUnit(w, r)
	default:
		return report.Text(w, r, opts)
	}
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
