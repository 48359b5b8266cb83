package brokertest

import (
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/brokers"
)

// checkChannel: the adapter says who it is, accepts its channels unseen, and
// tells by its name one that says nothing.
func checkChannel(r *rig) {
	a := r.s.Adapter
	scheme, _, _ := strings.Cut(r.s.Config.URL, "://")
	if a.Kind == "" || !slices.Contains(a.Schemes, scheme) {
		r.Fatalf("kind %q, schemes %q: the kind is empty or %q is not among the schemes", a.Kind, a.Schemes, scheme)
	}
	if err := a.Check(r.channel("good")); err != nil {
		r.Fatalf("Check refuses a channel that works: %v", err)
	}
	err := a.Check(brokers.Channel{Name: "nowhere"})
	if err == nil {
		r.Fatalf("Check accepts a channel without any address")
	}
	if !strings.Contains(err.Error(), "nowhere") {
		r.Fatalf("Check does not name the channel: %v", err)
	}
}
