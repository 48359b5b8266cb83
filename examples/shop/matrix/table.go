package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// plain is the mode without load, delay or longer deadlines.
const plain = "plain"

// documentMark stands in a document before what writeDocument replaces.
const documentMark = "<!-- What follows is written by matrix table -markdown. -->\n"

// writeDocument writes the tables into a document, in the place of all that comes
// after its mark.
func writeDocument(name string, files []string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, _, ok := strings.Cut(string(text), documentMark)
	if !ok {
		return fmt.Errorf("%s has no line %s", name, strings.TrimSpace(documentMark))
	}
	var tables strings.Builder
	tableErr := printTable(&tables, files)
	if tables.Len() == 0 {
		return tableErr
	}
	return errors.Join(tableErr, os.WriteFile(name, []byte(before+documentMark+"\n"+strings.TrimRight(tables.String(), "\n")+"\n"), 0o644))
}

// printTable reads the results of all shards, and prints them as Markdown. It fails
// where a bug was missed, a flow falsely accused, or a verdict changed.
func printTable(w io.Writer, files []string) error {
	var all []result
	for _, f := range files {
		results, err := readResults(f)
		if err != nil {
			return err
		}
		all = append(all, results...)
	}
	if len(all) == 0 {
		return errors.New("no results: matrix run makes them")
	}
	if wrong := writeTable(w, all); wrong > 0 {
		return fmt.Errorf("%d results are not as they should be", wrong)
	}
	return nil
}

// writeTable counts what is not as it should be.
func writeTable(w io.Writer, all []result) (wrong int) {
	modes := map[string][]result{}
	for _, r := range all {
		modes[r.Mode] = append(modes[r.Mode], r)
	}
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		wrong += writeMode(w, mode, modes[mode])
	}
	base := baseOf(modes)
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		if mode != base {
			wrong += writeChanges(w, mode, modes[base], modes[mode])
		}
	}
	return wrong
}

// baseOf is the mode that others are compared with: without load and delay, and if
// possible with the deadlines as they are.
func baseOf(modes map[string][]result) string {
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		if modes[plain] == nil && strings.HasPrefix(mode, "deadlines") {
			return mode
		}
	}
	return plain
}

func writeMode(w io.Writer, mode string, results []result) (wrong int) {
	found, missed := 0, 0
	fmt.Fprintf(w, "## %s\n\n%s\n\n| bug | what is wrong | flow | takes | found as | found by |\n|---|---|---|---|---|---|\n", title(mode), when(results))
	for _, bug := range shop.Bugs {
		i := slices.IndexFunc(results, func(r result) bool { return r.Bug == bug.Name && r.Flow == flowOf(bug) })
		if i < 0 {
			continue
		}
		r := &results[i]
		as := "**missed**"
		if r.finds(bug) {
			found++
			as = bug.Kind
		} else {
			missed++
		}
		if r.Error != "" {
			as += " (" + r.Error + ")"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s | %s | %s |\n", bug.Name, bug.About, flowOf(bug), takes(bug), as, foundBy(r))
	}
	alarms := falseAlarms(results)
	fmt.Fprintf(w, "\n%d bugs: %d found, %d missed. ", found+missed, found, missed)
	cells, verdicts, rounds := countSound(results)
	fmt.Fprintf(w, "Flows that a bug does not touch, and %d rounds of the correct shop: %d runs with %d verdicts, %d false alarms.\n\n",
		rounds, cells, verdicts, len(alarms))
	for _, a := range alarms {
		fmt.Fprintf(w, "- %s\n", a)
	}
	if len(alarms) > 0 {
		fmt.Fprintln(w)
	}
	return missed + len(alarms)
}

func title(mode string) string { return strings.ToUpper(mode[:1]) + mode[1:] }

// when says when the results were made, and how long that took.
func when(results []result) string {
	first, last, took := results[0].Began, results[0].Began, 0.0
	for i := range results {
		r := &results[i]
		if r.Began.Before(first) {
			first = r.Began
		}
		if end := r.Began.Add(time.Duration(r.Took * float64(time.Second))); end.After(last) {
			last = end
		}
		took += r.Took
	}
	parts, cells, all := "", 0, len(shop.Bugs)*len(shop.FlowNames())
	for i := range results {
		if results[i].Bug != "" {
			cells++
		}
	}
	switch {
	case slices.ContainsFunc(results, func(r result) bool { return r.Probe != "" }):
		parts = " A part of the matrix: of some bugs or all, the flow and the probe alone that must find them."
	case cells < all:
		parts = fmt.Sprintf(" A part of the matrix: %d of the %d cells of bugs.", cells, all)
	}
	return fmt.Sprintf("%s: %d runs of flowcheck, %.0f minutes from the first to the last, %.0f minutes one after the other.%s",
		first.UTC().Format("2 January 2006, 15:04 UTC"), len(results), last.Sub(first).Minutes(), took/60, parts)
}

func takes(bug shop.Bug) string {
	if bug.Probe == "" {
		return "a scenario"
	}
	return bug.Probe
}

// finds reports whether the bug was found, as what it is and by what must find it.
func (r *result) finds(bug shop.Bug) bool {
	return r.Exit == 1 && slices.Contains(r.Kinds[bug.Probe], bug.Kind)
}

// foundBy lists what brought findings.
func foundBy(r *result) string {
	var all []string
	for _, probe := range slices.Sorted(maps.Keys(r.Kinds)) {
		name := probe
		if name == "" {
			name = "scenario"
		}
		all = append(all, fmt.Sprintf("%s (%s)", name, strings.Join(r.Kinds[probe], ", ")))
	}
	return strings.Join(all, "; ")
}

// sound reports whether nothing in the result may be found: the shop is correct, or
// its bug is in no part that takes part in the flow.
func (r *result) sound() bool {
	i := slices.IndexFunc(shop.Bugs, func(b shop.Bug) bool { return b.Name == r.Bug })
	return i < 0 || !shop.Bugs[i].In.Touches(r.Flow)
}

// falseAlarms are the verdicts of sound cells that are neither pass nor off.
func falseAlarms(results []result) []string {
	var all []string
	for i := range results {
		r := &results[i]
		if !r.sound() {
			continue
		}
		where := fmt.Sprintf("%s, bug %s, round %d", r.Flow, nameOf(r.Bug), r.Round)
		if r.Error != "" {
			all = append(all, where+": "+r.Error)
		}
		if by := foundBy(r); by != "" {
			where += ", found by " + by
		}
		for _, name := range slices.Sorted(maps.Keys(r.Verdicts)) {
			if v := r.Verdicts[name]; v != "pass" && v != "off" {
				all = append(all, fmt.Sprintf("%s: %s: %s", where, name, v))
			}
		}
	}
	return all
}

// countSound counts the sound cells and their verdicts, and how often the correct
// shop was tried with every flow.
func countSound(results []result) (cells, verdicts, rounds int) {
	times := map[string]int{}
	for i := range results {
		r := &results[i]
		if !r.sound() {
			continue
		}
		cells++
		for _, v := range r.Verdicts {
			if v != "off" {
				verdicts++
			}
		}
		if r.Bug == "" {
			times[r.Flow] += max(1, r.Rounds)
		}
	}
	if len(times) == len(shop.FlowNames()) {
		rounds = slices.Min(slices.Collect(maps.Values(times)))
	}
	return cells, verdicts, rounds
}
