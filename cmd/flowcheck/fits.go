package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/flowcheck/flowcheck/compare"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/message"
)

// tapped says why a flow file cannot be meant for a recording: nobody tapped some of
// its channels, so that what is missing on them says nothing. channels are the
// recording's, nil where it does not tell.
func tapped(flow *flows.Flow, channels []string) error {
	if flow == nil || len(channels) == 0 {
		return nil
	}
	missing := slices.DeleteFunc(channelNames(flow), func(name string) bool { return slices.Contains(channels, name) })
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the flow %s does not fit: the recording lacks its channels %s, which nobody tapped; it has %s: record anew, or take them out of the flow file",
		flow.Name, strings.Join(missing, ", "), strings.Join(channels, ", "))
}

func channelNames(flow *flows.Flow) []string {
	var names []string
	for i := range flow.Channels {
		names = append(names, flow.Channels[i].Name)
	}
	return names
}

// fits is tapped for a recording that does not tell: it has no chain of the flow, and
// channels that the flow lacks. Where it has chains, channels of the flow on which
// nothing came are named: it may be the recording of an older flow.
func (a *app) fits(name string, flow *flows.Flow, set *compare.Set) error {
	strange := slices.Sorted(maps.Keys(set.Strange()))
	if len(strange) == 0 {
		return nil
	}
	if len(set.Chains()) == 0 {
		return foreign(flow, strange)
	}
	if silent := set.Silent(); len(silent) > 0 {
		fmt.Fprintf(a.err, "flowcheck: note: %s: nothing came on the channels %s, and it has the channels %s, which the flow lacks: is it a recording of this flow?\n",
			name, strings.Join(silent, ", "), strings.Join(strange, ", "))
	}
	return nil
}

// foreign says that a recording is of another system.
func foreign(flow *flows.Flow, strange []string) error {
	return fmt.Errorf("the flow %s does not fit: the recording has the channels %s, which the flow lacks; the flow has %s",
		flow.Name, strings.Join(strange, ", "), strings.Join(channelNames(flow), ", "))
}

// maxStrange bounds the channels that are named.
const maxStrange = 1000

// notForeign is fits by what was judged: a recording without a chain of the flow is
// read once more.
func (a *app) notForeign(name string, flow *flows.Flow, base *flows.Result) error {
	if base.Chains.Total > 0 || name == "-" {
		return nil
	}
	strange, err := a.strangeIn(name, flow)
	if err == nil && len(strange) > 0 {
		err = input(fmt.Errorf("%s: %w", name, foreign(flow, strange)))
	}
	return err
}

// strangeIn reads which channels a recording has that the flow lacks.
func (a *app) strangeIn(name string, flow *flows.Flow) ([]string, error) {
	own, strange := channelNames(flow), map[string]bool{}
	err := a.reading(name, nil, func(r *message.Reader) error {
		for len(strange) < maxStrange {
			e, err := r.Next()
			switch {
			case errors.Is(err, io.EOF), errors.Is(err, message.ErrCut), errors.Is(err, io.ErrUnexpectedEOF):
				return nil
			case err != nil:
				return err
			case e.Observation != nil && !slices.Contains(own, e.Observation.Channel):
				strange[e.Observation.Channel] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(strange)), err
}
