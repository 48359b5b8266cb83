package oracle

import (
	"cmp"
	"slices"
)

// judgeRule judges a rule across chains.
func (w *world) judgeRule(r int, chains []*chain, spans []int64) {
	rule := &w.flow.Rules[r]
	j := &ruled{w: w, rule: rule, name: w.flow.RuleName(r), chains: chains}
	for _, m := range w.msgs {
		if m.Channel == rule.Channel {
			j.msgs = append(j.msgs, m)
		}
	}
	switch rule.Kind {
	case "never":
		for _, m := range j.msgs {
			if n := m.body().N; n != nil && *n < 0 {
				j.find("forbidden", m)
			}
		}
	case "unique":
		for _, group := range j.groups(func(m *msg) string { return m.body().U }) {
			j.unique(group)
		}
	case "ordered":
		for _, group := range j.groups(func(m *msg) string { return "all" }) {
			j.ordered(group)
		}
	case "every":
		for _, group := range j.groups(func(m *msg) string { return "all" }) {
			j.every(group)
		}
	case "latency":
		j.latency(spans)
	}
}

// ruled is a rule under judgement.
type ruled struct {
	w      *world
	rule   *Rule
	name   string
	chains []*chain
	msgs   []*msg // of its channel
}

// find tells of a message, in the chain that its own ids tie it to.
func (j *ruled) find(kind string, m *msg, more ...*msg) { j.called("", false, kind, m, more...) }

func (j *ruled) called(anomaly string, weak bool, kind string, m *msg, more ...*msg) {
	j.w.find(Finding{
		Kind: kind, Chain: ownLabel(j.chains, m), Rule: j.name, Evidence: j.w.places(append([]*msg{m}, more...)...),
		Anomaly: anomaly, Weak: weak,
	})
}

// ownLabel is the label of the chain that the message's own ids tie it to; "" for
// none.
func ownLabel(chains []*chain, m *msg) string {
	for _, c := range chains {
		if m.step >= 0 && c.any(m.ids) {
			return c.label
		}
	}
	return ""
}

// groups are the messages by the rule's `per` and by a value; "" is in none.
func (j *ruled) groups(by func(*msg) string) [][]*msg {
	type key struct{ per, by string }
	var keys []key
	all := map[key][]*msg{}
	for _, m := range j.msgs {
		k := key{"all", by(m)}
		if j.rule.Keyed {
			k.per = m.body().K
		}
		if k.per == "" || k.by == "" {
			continue
		}
		if all[k] == nil {
			keys = append(keys, k)
		}
		all[k] = append(all[k], m)
	}
	var groups [][]*msg
	for _, k := range keys {
		groups = append(groups, all[k])
	}
	return groups
}

// unique tells each message of an id but the first. Copies pass (rule 14), of a
// message's copies in one queue the first stands for all.
func (j *ruled) unique(all []*msg) {
	all = slices.DeleteFunc(slices.Clone(all), func(m *msg) bool { return m.copied })
	all = j.w.inOrder(j.withoutRepeats(all))
	var kept []*msg
	for _, m := range all {
		if slices.ContainsFunc(kept, func(o *msg) bool { return redelivery(o, m) }) {
			continue
		}
		kept = append(kept, m)
		if len(kept) > 1 {
			j.called("duplicate", false, "duplicate", m, kept[0])
		}
	}
}

// withoutRepeats leaves out what an earlier message in the same queue repeats.
func (j *ruled) withoutRepeats(all []*msg) []*msg {
	earlier := func(a, b *msg) bool {
		if sameQueue(a, b) {
			return a.Offset < b.Offset
		}
		return a.ch.Broker == SNS && cmp.Or(cmp.Compare(a.at(), b.at()), byPlace(a, b)) < 0
	}
	return slices.DeleteFunc(slices.Clone(all), func(m *msg) bool {
		return slices.ContainsFunc(all, func(o *msg) bool { return redelivery(o, m) && earlier(o, m) })
	})
}

// ordered judges one sequence (rule 24).
func (j *ruled) ordered(all []*msg) {
	all = slices.DeleteFunc(slices.Clone(all), func(m *msg) bool { return m.body().Seq == nil })
	all = j.w.inOrder(all)
	// What was delivered again is passed over, an equal value is not its business:
	// of each value the first message stands for it.
	first := map[int]*msg{}
	var values []int
	for i, m := range all {
		v := *m.body().Seq
		if m.ch.Redeliveries == "same-id" && slices.ContainsFunc(all[:i], func(o *msg) bool { return redelivery(o, m) }) {
			continue
		}
		if first[v] == nil {
			first[v] = m
			values = append(values, v)
		}
	}
	slices.Sort(values)
	for i, v := range values {
		for _, higher := range slices.Backward(values[i+1:]) {
			if j.w.before(first[higher], first[v]) {
				weak := !sameQueue(first[v], first[higher])
				j.called("nonmonotonic-send", weak, "out-of-order", first[v], first[higher])
				break
			}
		}
	}
	for i := 1; i < len(values) && j.rule.Gapless; i++ {
		if low, high := first[values[i-1]], first[values[i]]; values[i] > values[i-1]+1 {
			j.hole(low, high)
		}
	}
}

// hole judges values that are not there, between two that are.
func (j *ruled) hole(low, high *msg) {
	until := high.at() + j.w.flow.timeout()
	read := j.w.readPast(j.rule.Channel, until, high.time == None) || j.w.end != None && j.w.run.Mode != "shadow"
	switch {
	case len(j.w.lossesIn(j.rule.Channel, low.at(), until)) > 0, !read:
		j.w.unknown("")
	default:
		j.called("lost-write", true, "gap", high)
	}
}

// every judges the silences of one key.
func (j *ruled) every(all []*msg) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *msg) int { return cmp.Or(cmp.Compare(a.at(), b.at()), byPlace(a, b)) })
	limit := int64(j.rule.Within)
	for i, m := range all {
		if i > 0 && all[i-1].at() == m.at() {
			continue
		}
		due := m.at() + limit
		next := i + 1
		for next < len(all) && all[next].at() == m.at() {
			next++
		}
		silent := false
		if next < len(all) {
			silent = all[next].at() > due
		} else {
			silent = j.w.end != None && j.w.end > due || j.w.partitionsPast(j.rule.Channel, due, m.time == None)
		}
		switch {
		case !silent:
		case len(j.w.lossesIn(j.rule.Channel, m.at(), due)) > 0:
			j.w.unknown("")
		default:
			j.find("missing", m)
		}
	}
}

// latency judges percentiles by nearest rank (rule 25).
func (j *ruled) latency(spans []int64) {
	slices.Sort(spans)
	for _, l := range j.rule.Limits {
		if len(spans) == 0 {
			continue
		}
		rank := (l.PerTenThousand*len(spans) + 9999) / 10000
		if spans[max(rank, 1)-1] > int64(l.Max) {
			j.w.find(Finding{Kind: "slow", Rule: j.name, Evidence: []string{}})
		}
	}
}
