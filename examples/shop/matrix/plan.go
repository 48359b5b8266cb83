package main

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/flowcheck/flowcheck/examples/shop"
)

// visit is a shop that is started, and the cells that are tried on it.
type visit struct {
	bug   shop.Bug
	cells []cell
}

// cell is one run of flowcheck: a flow against a shop.
type cell struct {
	Mode string `json:"mode"`
	// Bug is the name of the shop's bug; "" is the correct shop, which is tried in
	// several rounds.
	Bug  string `json:"bug"`
	Flow string `json:"flow"`
	// Round is the first of the rounds that are tried side by side.
	Round int `json:"round"`
	// Probe is what is tried; "" is all of them.
	Probe string `json:"probe,omitempty"`
}

// plan lists the shard's visits, without the cells that are done.
func plan(c config, done map[cell]bool) []visit {
	var visits []visit
	for _, bug := range sample(c) {
		visits = append(visits, visit{bug: bug, cells: cellsOf(c, bug)})
	}
	for round := 0; round < c.rounds; round += c.copies {
		if c.slice {
			bug := sample(c)[round%len(sample(c))]
			visits = append(visits, visit{cells: []cell{{c.mode(), "", flowOf(bug), round + 1, probeOf(bug)}}})
			continue
		}
		for _, flow := range shop.FlowNames() {
			visits = append(visits, visit{cells: []cell{{c.mode(), "", flow, round + 1, ""}}})
		}
	}
	var mine []visit
	for i, v := range visits {
		if i%c.shards != c.shard-1 || c.only != "" && nameOf(v.bug.Name) != c.only {
			continue
		}
		for j := range v.cells {
			v.cells[j].Probe = cmp.Or(c.probe, v.cells[j].Probe)
		}
		v.cells = slices.DeleteFunc(v.cells, func(x cell) bool { return done[x] || c.flow != "" && c.flow != x.Flow })
		if len(v.cells) > 0 {
			mine = append(mine, v)
		}
	}
	return mine
}

// sample are the bugs that are tried.
func sample(c config) []shop.Bug {
	if c.sample == 0 {
		return shop.Bugs
	}
	var bugs []shop.Bug
	for _, i := range rand.New(rand.NewPCG(c.seed, 0)).Perm(len(shop.Bugs))[:min(c.sample, len(shop.Bugs))] {
		bugs = append(bugs, shop.Bugs[i])
	}
	return bugs
}

// cellsOf are a bug's cells: its own flow goes first.
func cellsOf(c config, bug shop.Bug) []cell {
	if c.slice {
		return []cell{{c.mode(), bug.Name, flowOf(bug), 1, probeOf(bug)}}
	}
	cells := []cell{{c.mode(), bug.Name, flowOf(bug), 1, ""}}
	for _, flow := range shop.FlowNames() {
		if flow != flowOf(bug) {
			cells = append(cells, cell{c.mode(), bug.Name, flow, 1, ""})
		}
	}
	return cells
}

// probeOf is the probe that finds the bug; none where a scenario does as it stands.
func probeOf(bug shop.Bug) string { return cmp.Or(bug.Probe, none) }

func flowOf(bug shop.Bug) string {
	if bug.Flow == "" {
		return "order"
	}
	return bug.Flow
}

// none is the name of no bug.
const none = "none"

func nameOf(bug string) string {
	if bug == "" {
		return none
	}
	return bug
}
