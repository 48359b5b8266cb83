package flows

import (
	"fmt"
	"slices"
)

// Unjudged is the result of a flow that could not be run at all: unknown, for
// the reason given, as is each of its scenarios; only names those that were to
// run, nil is all.
func Unjudged(f *Flow, mode string, only []string, reason string) *Result {
	r := &Result{
		Flow: f.Name, About: f.About, Mode: mode, State: NotKnown,
		Chains: ChainCounts{Outcomes: map[string]int{}}, Unknowns: []Unknown{{Reason: reason}},
		Warnings: f.unverified(mode),
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

// unverified warns of each broker in use whose certificate is not verified
// (`tls: { insecure: true }`). Judging a recording connects to none.
func (f *Flow) unverified(mode string) []string {
	if mode == "verify" {
		return nil
	}
	return f.Unverified()
}

// Unverified are warnings: one for each broker in use, schema registry and call of
// which `insecure: true` says that its certificate is not to be verified.
func (f *Flow) Unverified() []string {
	var all []string
	for i := range f.Brokers {
		b := &f.Brokers[i]
		if b.TLS == nil || !b.TLS.Insecure || !slices.ContainsFunc(f.Channels, func(ch Channel) bool { return ch.Broker == i }) {
			continue
		}
		all = append(all, fmt.Sprintf("broker %s: its certificate was not verified (tls: insecure), so it may be anybody", b.Name))
	}
	for i := range f.Channels {
		if r := f.Channels[i].Registry; r != nil && r.TLS != nil && r.TLS.Insecure {
			all = append(all, fmt.Sprintf("registry %s: its certificate was not verified (tls: insecure), so it may be anybody", redacted(r.URL)))
		}
	}
	for _, to := range f.unverifiedCalls {
		all = append(all, fmt.Sprintf("call to %s: its certificate was not verified (tls: insecure), so it may be anybody", to))
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(w string) bool {
		again := seen[w]
		seen[w] = true
		return again
	})
}
