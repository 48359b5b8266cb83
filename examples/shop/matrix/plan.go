package main

import (
	"cmp"
	"math/rand/v2"

	"github.com/flowcheck/flowcheck/examples/shop"
)

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

// plan lists the shard's cells, without those that are done: first of the flows that
// the bugs touch, then of the correct shop, then of the flows that they do not.
func plan(c config, done map[cell]bool) []cell {
	var all, rest []cell
	for _, bug := range sample(c) {
		touched, others := cellsOf(c, bug)
		all, rest = append(all, touched...), append(rest, others...)
	}
	for round := 0; round < c.rounds; round += c.copies {
		if c.slice {
			bug := sample(c)[round%len(sample(c))]
			all = append(all, cell{c.mode(), "", flowOf(bug), round + 1, probeOf(bug)})
			continue
		}
		for _, flow := range shop.FlowNames() {
			all = append(all, cell{c.mode(), "", flow, round + 1, ""})
		}
	}
	all = append(all, rest...)
	chosen := partOf(c, len(all))
	var mine []cell
	for i, x := range all {
		x.Probe = cmp.Or(c.probe, x.Probe)
		switch {
		case !chosen[i], i%c.shards != c.shard-1, done[x]:
		case c.only != "" && c.only != nameOf(x.Bug), c.flow != "" && c.flow != x.Flow:
		default:
			mine = append(mine, x)
		}
	}
	return mine
}

// partOf chooses the cells of a part of the matrix: of n, one in c.part.
func partOf(c config, n int) map[int]bool {
	chosen := map[int]bool{}
	for _, i := range rand.New(rand.NewPCG(c.seed, 1)).Perm(n)[:(n+c.part-1)/c.part] {
		chosen[i] = true
	}
	return chosen
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
