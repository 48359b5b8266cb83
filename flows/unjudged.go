package flows

import "slices"

// Unjudged is the result of a flow that could not be run at all: unknown, for
// the reason given, as is each of its scenarios; only names those that were to
// run, nil is all.
func Unjudged(f *Flow, mode string, only []string, reason string) *Result {
	r := &Result{
		Flow: f.Name, About: f.About, Mode: mode, State: NotKnown,
		Chains: ChainCounts{Outcomes: map[string]int{}}, Unknowns: []Unknown{{Reason: reason}},
	}
	for i := range f.Channels {
		r.Channels = append(r.Channels, ChannelCount{Name: f.Channels[i].Name})
	}
	for i := range f.Scenarios {
		s := &f.Scenarios[i]
		if len(only) > 0 && !slices.Contains(only, s.Name) {
			continue
		}
		for _, kase := range s.Cases {
			r.Scenarios = append(r.Scenarios, ScenarioResult{Name: s.Label(kase), State: NotKnown})
		}
	}
	return r
}
