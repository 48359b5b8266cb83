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

// plan lists the shard's visits, without the cells that are done: first the flows
// that the bugs touch, then the correct shop, then the flows that they do not.
func plan(c config, done map[cell]bool) []visit {
	var visits, rest []visit
	for _, bug := range sample(c) {
		touched, others := cellsOf(c, bug)
		visits, rest = append(visits, visit{bug, touched}), append(rest, visit{bug, others})
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
	for i, v := range append(visits, rest...) {
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

// cellsOf are a bug's cells: of the flows that the bug touches, its own first, and
// of the others.
func cellsOf(c config, bug shop.Bug) (touched, others []cell) {
	own := flowOf(bug)
	if c.slice {
		return []cell{{c.mode(), bug.Name, own, 1, probeOf(bug)}}, nil
	}
	touched = []cell{{c.mode(), bug.Name, own, 1, ""}}
	for _, flow := range shop.FlowNames() {
		one := cell{c.mode(), bug.Name, flow, 1, ""}
		switch {
		case flow == own:
		case bug.In.Touches(flow):
			touched = append(touched, one)
		default:
			others = append(others, one)
		}
	}
	return touched, others
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
