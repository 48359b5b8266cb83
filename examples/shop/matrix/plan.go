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

// plan lists the shard's cells, without those that are done, in an order that the seed
// chooses: what takes much of the machine is not tried all at once. A part of the
// matrix are the first of them.
func plan(c config, done map[cell]bool) []cell {
	var all []cell
	for _, bug := range sample(c) {
		all = append(all, cellsOf(c, bug)...)
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
	var mine []cell
	for n, i := range rand.New(rand.NewPCG(c.seed, 1)).Perm(len(all))[:(len(all)+c.part-1)/c.part] {
		x := all[i]
		x.Probe = cmp.Or(c.probe, x.Probe)
		switch {
		case n%c.shards != c.shard-1, done[x]:
		case c.only != "" && c.only != nameOf(x.Bug), c.flow != "" && c.flow != x.Flow:
		default:
			mine = append(mine, x)
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

// cellsOf are a bug's cells: of each flow, or of its own alone.
func cellsOf(c config, bug shop.Bug) []cell {
	if c.slice {
		return []cell{{c.mode(), bug.Name, flowOf(bug), 1, probeOf(bug)}}
	}
	var all []cell
	for _, flow := range shop.FlowNames() {
		all = append(all, cell{c.mode(), bug.Name, flow, 1, ""})
	}
	return all
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
