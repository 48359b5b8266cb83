package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/shadow"
)

// The states of an alert.
const (
	Firing   = "firing"   // the first findings of a group
	Again    = "again"    // more of the same, a while later
	Resolved = "resolved" // quiet since, or all taken back
)

// Alert is what is told of a group of findings.
type Alert struct {
	State string
	// Key is the same for all alerts of a group, while it lasts and when it comes
	// again.
	Key, Flow, Kind string
	// Since is when the group's first finding was told, At when the alert was made.
	Since, At time.Time
	// New are the findings since the last alert of the group, All those of the whole
	// group, Chains how many chains they are of.
	New, All, Chains int
	// Kinds are the new findings by their kinds; an unknown's is "unknown".
	Kinds map[string]int
	// Examples are the first of the new findings.
	Examples []shadow.Record
	// Held is how many notifications the target did not get before, because of the
	// limit.
	Held int
	Page string
}

// maxExamples bounds the findings that an alert has, maxGroups the groups, and
// maxChains the chains that are told apart.
const (
	maxExamples = 5
	maxGroups   = 1000
	maxChains   = 10_000
)

// grouper makes alerts of records. It is for one goroutine, and knows no clock.
type grouper struct {
	cfg    *Config
	groups map[string]*group
}

type group struct {
	alert  Alert
	ids    map[string]bool // findings that stand, the first maxChains of them
	chains map[string]bool
	told   time.Time // when it was told last; zero: not yet
	last   time.Time // when the last finding came
}

// add takes a record.
func (g *grouper) add(r *shadow.Record) {
	kind := r.Kind
	switch r.Event {
	case shadow.EventWithdrawn:
		g.withdraw(r)
		return
	case shadow.EventUnknown:
		kind = "unknown"
	case shadow.EventFinding:
	default:
		return
	}
	name := g.name(r.Flow, kind)
	b := g.groups[name]
	if b == nil {
		if len(g.groups) >= maxGroups {
			return
		}
		sum := sha256.Sum256([]byte(name))
		b = &group{
			alert: Alert{Key: "flowcheck-" + hex.EncodeToString(sum[:10]), Flow: r.Flow, Since: r.Time, Page: g.cfg.Page, Kinds: map[string]int{}},
			ids:   map[string]bool{}, chains: map[string]bool{},
		}
		if slices.Contains(g.cfg.GroupBy, "kind") {
			b.alert.Kind = kind
		}
		g.groups[name] = b
	}
	b.alert.New++
	b.alert.All++
	b.alert.Kinds[kind]++
	b.last = r.Time
	if len(b.ids) < maxChains {
		b.ids[r.ID] = true
	}
	if len(b.chains) < maxChains && r.Chain != "" {
		b.chains[r.Chain] = true
	}
	if len(b.alert.Examples) < maxExamples {
		short := *r
		short.Timeline = nil
		b.alert.Examples = append(b.alert.Examples, short)
	}
}

func (g *grouper) name(flow, kind string) string {
	if slices.Contains(g.cfg.GroupBy, "kind") {
		return flow + "\x00" + kind
	}
	return flow
}

// withdraw takes a finding back: what was not told of it yet is not told.
func (g *grouper) withdraw(r *shadow.Record) {
	b := g.groups[g.name(r.Flow, r.Kind)]
	if b == nil || !b.ids[r.ID] {
		return
	}
	delete(b.ids, r.ID)
	b.alert.All--
	i := slices.IndexFunc(b.alert.Examples, func(e shadow.Record) bool { return e.ID == r.ID })
	if i >= 0 || b.told.IsZero() {
		b.alert.New--
		if b.alert.Kinds[r.Kind]--; b.alert.Kinds[r.Kind] <= 0 {
			delete(b.alert.Kinds, r.Kind)
		}
	}
	if i >= 0 {
		b.alert.Examples = slices.Delete(b.alert.Examples, i, i+1)
	}
}

// due are the alerts that are to be told now.
func (g *grouper) due(now time.Time) []Alert {
	var all []Alert
	for name, b := range g.groups {
		switch {
		case b.told.IsZero() && b.alert.All <= 0:
			delete(g.groups, name)
		case b.told.IsZero() && now.Sub(b.alert.Since) >= g.cfg.Wait:
			all = append(all, b.take(Firing, now))
		case !b.told.IsZero() && (b.alert.All <= 0 || now.Sub(b.last) >= g.cfg.Quiet):
			all = append(all, b.take(Resolved, now))
			delete(g.groups, name)
		case !b.told.IsZero() && b.alert.New > 0 && now.Sub(b.told) >= g.cfg.Again:
			all = append(all, b.take(Again, now))
		}
	}
	slices.SortStableFunc(all, func(a, b Alert) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Key, b.Key)) })
	return all
}

// take makes an alert of what has gathered.
func (b *group) take(state string, now time.Time) Alert {
	a := b.alert
	a.State, a.At, a.Chains = state, now, len(b.chains)
	b.told = now
	b.alert.New, b.alert.Kinds, b.alert.Examples = 0, map[string]int{}, nil
	return a
}
