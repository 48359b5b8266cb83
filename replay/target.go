package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/message"
)

// Place is a broker that a replay would send to.
type Place struct {
	// Name is the broker's in the flow file.
	Name string
	// Is what the broker says of itself; the zero value where it does not.
	Is message.BrokerIdentity
	// Hosts are where it is.
	Hosts []string
}

// SameTarget tells which of the places the recording came from, for people: by
// the broker's own id, or by host and port.
func SameTarget(h *message.RecordingHeader, places []Place) []string {
	var same []string
	for _, p := range places {
		for name, from := range h.Brokers {
			byID := from.ID != "" && from.Kind == p.Is.Kind && from.ID == p.Is.ID
			if byID || meet(strings.Split(from.Hosts, ","), p.Hosts) {
				same = append(same, fmt.Sprintf("%s is the broker %s of the recording", p.Name, name))
				break
			}
		}
	}
	slices.Sort(same)
	return same
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(h string) bool { return h != "" && slices.Contains(b, h) })
}
