package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// writeChanges compares the verdicts of a mode with those of plain runs. What counts is
// that none changes where nothing may be found, and that each bug is found as before;
// it returns how many did. A bug that is a race, or that a restart or a cut brings out
// or not, shows by chance in what is not named for it: those verdicts are listed too.
func writeChanges(w io.Writer, mode string, before, after []result) (changed int) {
	fmt.Fprintf(w, "### Verdicts that changed: %s\n\n", mode)
	var sound, named, chance changes
	for i := range after {
		r := &after[i]
		j := slices.IndexFunc(before, func(b result) bool { return b.Bug == r.Bug && b.Flow == r.Flow && b.Round == r.Round })
		if j < 0 {
			continue
		}
		if bug, ok := r.mustFind(); ok {
			named.add(fmt.Sprintf("%s, bug %s", r.Flow, bug.Name), foundOrMissed(before[j].finds(bug)), foundOrMissed(r.finds(bug)))
		}
		into := &chance
		if r.sound() {
			into = &sound
		}
		for _, name := range slices.Sorted(maps.Keys(r.Verdicts)) {
			if was, ok := before[j].Verdicts[name]; ok {
				into.add(fmt.Sprintf("%s, bug %s: %s", r.Flow, nameOf(r.Bug), name), was, r.Verdicts[name])
			}
		}
	}
	sound.write(w, "verdicts changed where nothing may be found")
	named.write(w, "bugs changed in the flow that must find them")
	chance.write(w, "verdicts changed in flows that a bug touches")
	return len(sound.list) + len(named.list)
}

// compare holds the results of one file against those of another, and fails where a
// verdict changed that must not: two plain runs show what changes by chance.
func compare(w io.Writer, was, is string) error {
	before, beforeErr := ofOneMode(was)
	after, afterErr := ofOneMode(is)
	if err := errors.Join(beforeErr, afterErr); err != nil {
		return err
	}
	if changed := writeChanges(w, is, before, after); changed > 0 {
		return fmt.Errorf("%d verdicts changed that must not", changed)
	}
	return nil
}

// ofOneMode reads a file that has the results of one mode alone.
func ofOneMode(file string) ([]result, error) {
	all, err := readResults(file)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, fmt.Errorf("%s: no results: matrix run makes them", file)
	case slices.ContainsFunc(all, func(r result) bool { return r.Mode != all[0].Mode }):
		return nil, fmt.Errorf("%s has results of several modes: which are to be compared?", file)
	}
	return all, nil
}

// changes are what was compared, and what of it was not the same.
type changes struct {
	compared int
	list     []string
}

func (c *changes) add(what, was, is string) {
	c.compared++
	if was != is {
		c.list = append(c.list, fmt.Sprintf("%s: %s instead of %s", what, is, was))
	}
}

func (c *changes) write(w io.Writer, about string) {
	if c.compared == 0 {
		return
	}
	fmt.Fprintf(w, "%d of %d %s.\n\n", len(c.list), c.compared, about)
	for _, line := range c.list {
		fmt.Fprintf(w, "- %s\n", line)
	}
	if len(c.list) > 0 {
		fmt.Fprintln(w)
	}
}

// mustFind is the result's bug where its flow is the one that must find it.
func (r *result) mustFind() (shop.Bug, bool) {
	i := slices.IndexFunc(shop.Bugs, func(b shop.Bug) bool { return b.Name == r.Bug && flowOf(b) == r.Flow })
	if i < 0 {
		return shop.Bug{}, false
	}
	return shop.Bugs[i], true
}

func foundOrMissed(found bool) string {
	if found {
		return "found"
	}
	return "missed"
}
