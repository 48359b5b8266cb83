package flows

import (
	"slices"

	"github.com/flowcheck/flowcheck/flows/source"
)

// Probe is one entry of a scenario's probes.
type Probe struct {
	// Name is one of ProbeNames.
	Name string
	// Off: it is not tried, for the Reason ("" where the file gives none).
	Off    bool
	Reason string
}

// ProbeNames are the names of all probes, in the order of reports.
func ProbeNames() []string {
	return slices.DeleteFunc(source.ProbeNames(), func(name string) bool { return name == probeAll })
}

// probeAll stands for every probe.
const probeAll = "all"

// compileProbes expands `all`, and lets what is switched off go before it.
func compileProbes(from []source.Probe) []Probe {
	find := func(name string) *source.Probe {
		for i := range from {
			if from[i].Name.Value == name {
				return &from[i]
			}
		}
		return nil
	}
	all := find(probeAll)
	var probes []Probe
	for _, name := range ProbeNames() {
		p := find(name)
		if p == nil {
			p = all
		}
		if p != nil {
			probes = append(probes, Probe{Name: name, Off: p.Off, Reason: p.Reason.Value})
		}
	}
	return probes
}

// Tried are the probes to be tried: those that asked names (a name of ProbeNames,
// or all), where asked is nil those that the file asks for; never one that the
// file switches off.
func (s *Scenario) Tried(asked []string) []string {
	var tried []string
	for _, name := range ProbeNames() {
		i := slices.IndexFunc(s.Probes, func(p Probe) bool { return p.Name == name })
		switch {
		case i >= 0 && s.Probes[i].Off:
		case asked == nil && i >= 0, slices.Contains(asked, name), slices.Contains(asked, probeAll):
			tried = append(tried, name)
		}
	}
	return tried
}
