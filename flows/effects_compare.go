package flows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// norm is what plain runs of a scenario have in common: which effects they have,
// how often, and what varies by itself.
type norm struct {
	groups map[string]*groupNorm
	flow   *Flow
}

// groupNorm is the norm of one kind of effect.
type groupNorm struct {
	most  int             // how often it came at most
	least int             // and at least
	noise map[string]bool // paths that vary
	whole bool            // which values stand together varies: only the number counts
	have  map[string]int  // how often which fields came at most, noise left out
	first []effect        // of the scenario's own run
}

// learn finds the norm of plain runs; the first is the scenario's own. What the
// flow's `noise:` names is noise, whether it varied or not.
func learn(f *Flow, runs [][]effect) *norm {
	n := &norm{groups: map[string]*groupNorm{}, flow: f}
	for _, run := range runs {
		for _, e := range run {
			if n.groups[e.group] == nil {
				n.groups[e.group] = &groupNorm{noise: map[string]bool{}, have: map[string]int{}}
			}
		}
	}
	for group, g := range n.groups {
		g.learn(n, group, runs)
	}
	return n
}

func (g *groupNorm) learn(n *norm, group string, runs [][]effect) {
	of := make([][]effect, len(runs))
	for i, run := range runs {
		of[i] = slices.DeleteFunc(slices.Clone(run), func(e effect) bool { return e.group != group })
		if i == 0 {
			g.first, g.least = of[0], len(of[0])
		}
		g.most, g.least = max(g.most, len(of[i])), min(g.least, len(of[i]))
	}
	for _, path := range paths(of) {
		if n.declared(of, path) {
			g.noise[path] = true
			continue
		}
		first := values(of[0], path)
		for _, other := range of[1:] {
			if !alike(first, values(other, path), g.most == g.least) {
				g.noise[path] = true
			}
		}
	}
	first := g.tuples(of[0])
	for _, run := range of {
		tuples := g.tuples(run)
		g.whole = g.whole || !alike(first, tuples, g.most == g.least)
		for t, n := range tuples {
			g.have[t] = max(g.have[t], n)
		}
	}
}

// declared reports whether the flow names the path of these effects as noise.
func (n *norm) declared(of [][]effect, path string) bool {
	step := ""
	for _, run := range of {
		if len(run) > 0 {
			step = run[0].step
		}
	}
	return slices.ContainsFunc(n.flow.Noise, func(noise Noise) bool {
		return (noise.Step < 0 || n.flow.Steps[noise.Step].Name == step) && noise.Covers(path)
	})
}

// alike compares how often things came; where counts vary by themselves, only
// which came.
func alike(a, b map[string]int, exactly bool) bool {
	if exactly {
		return maps.Equal(a, b)
	}
	return maps.EqualFunc(a, b, func(int, int) bool { return true })
}

// paths are all paths of the effects, sorted.
func paths(of [][]effect) []string {
	all := map[string]bool{}
	for _, run := range of {
		for _, e := range run {
			for _, l := range e.fields {
				all[l.path] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// values are those at a path, and how many effects have each.
func values(run []effect, path string) map[string]int {
	all := map[string]int{}
	for _, e := range run {
		for _, l := range e.fields {
			if l.path == path {
				all[l.value]++
			}
		}
	}
	return all
}

func (g *groupNorm) tuples(run []effect) map[string]int {
	all := map[string]int{}
	for i := range run {
		all[g.tuple(&run[i])]++
	}
	return all
}

// tuple is what of an effect does not vary by itself.
func (g *groupNorm) tuple(e *effect) string {
	var b strings.Builder
	for _, l := range e.fields {
		if !g.noise[l.path] {
			fmt.Fprintf(&b, "%s=%s\x00", l.path, l.value)
		}
	}
	return b.String()
}

// noise are the fields that vary, as a report shows them.
func (n *norm) noise() []string {
	var all []string
	for group, g := range n.groups {
		for path := range g.noise {
			all = append(all, group+" "+path)
		}
		if g.whole {
			all = append(all, group+" which values stand together")
		}
		if g.least != g.most {
			all = append(all, fmt.Sprintf("%s how often: %d to %d times", group, g.least, g.most))
		}
	}
	slices.Sort(all)
	return all[:min(len(all), maxNoise)]
}

// maxNoise bounds the noise that a report shows.
const maxNoise = 100

// difference is an effect of a probe that the norm does not have, or, with fewer
// set, one that is lacking.
type difference struct {
	effect
	count, most int
	surplus     bool   // it came more often than in plain runs
	fewer       bool   // it came less often
	changed     string // how its fields differ, where it did not
}

// compare finds what a probe's effects have beyond the norm: what came more often
// than in any plain run, what differs, and what is lacking.
func (n *norm) compare(probe []effect) []difference {
	parts := 1
	for _, e := range probe {
		parts = max(parts, e.part+1)
	}
	var all []difference
	for part := range parts {
		of := slices.DeleteFunc(slices.Clone(probe), func(e effect) bool { return e.part != part })
		all = append(all, n.comparePart(of)...)
	}
	return all
}

func (n *norm) comparePart(probe []effect) []difference {
	groups := map[string][]effect{}
	for _, e := range probe {
		if e.again && slices.ContainsFunc(groups[e.group], func(x effect) bool { return x.raw == e.raw }) {
			continue // a verbatim repeat, which the step allows
		}
		groups[e.group] = append(groups[e.group], e)
	}
	var all []difference
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		g := n.groups[group]
		if g == nil {
			g = &groupNorm{}
		}
		all = append(all, g.compare(groups[group])...)
	}
	for _, group := range slices.Sorted(maps.Keys(n.groups)) {
		if g := n.groups[group]; len(groups[group]) < g.least {
			all = append(all, difference{effect: g.first[0], count: len(groups[group]), most: g.least, fewer: true})
		}
	}
	return all
}

func (g *groupNorm) compare(all []effect) []difference {
	var found []difference
	left := maps.Clone(g.have)
	odd := make([]effect, 0, len(all)) // beyond the norm, by their fields
	for i := range all {
		t := g.tuple(&all[i])
		if g.whole {
			t = ""
		}
		switch {
		case g.whole && i < g.most:
		case left[t] > 0 && !g.whole:
			left[t]--
		default:
			odd = append(odd, all[i])
		}
	}
	surplus := max(0, len(all)-g.most)
	for i := range odd {
		d := difference{effect: odd[i], count: len(all), most: g.most, surplus: i >= len(odd)-surplus}
		if !d.surplus {
			d.changed = g.changes(&odd[i], left)
		}
		found = append(found, d)
	}
	return found
}

// changes tells how an effect differs from one of the scenario's own run that
// nothing else is like.
func (g *groupNorm) changes(e *effect, left map[string]int) string {
	var best []string
	for i := range g.first {
		if left[g.tuple(&g.first[i])] == 0 {
			continue
		}
		if diff := g.diff(&g.first[i], e); best == nil || len(diff) < len(best) {
			best = diff
		}
	}
	if best == nil {
		return "its fields are those of none of them"
	}
	if len(best) > maxChanges {
		best = append(best[:maxChanges], fmt.Sprintf("and %d more", len(best)-maxChanges))
	}
	return strings.Join(best, ", ")
}

const maxChanges = 5

func (g *groupNorm) diff(was, is *effect) []string {
	old := map[string]string{}
	for _, l := range was.fields {
		old[l.path] = l.value
	}
	diff := []string{}
	for _, l := range is.fields {
		before, had := old[l.path]
		delete(old, l.path)
		switch {
		case g.noise[l.path] || had && before == l.value:
		case !had:
			diff = append(diff, l.path+" is new")
		default:
			diff = append(diff, fmt.Sprintf("%s is %s instead of %s", l.path, short(l.value), short(before)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(old)) {
		if !g.noise[path] {
			diff = append(diff, path+" is gone")
		}
	}
	return diff
}

// short cuts a value down to what a report shows.
func short(s string) string {
	runes := []rune(s)
	if len(runes) <= shortValue {
		return s
	}
	return string(runes[:shortValue]) + "…"
}
