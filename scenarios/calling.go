package scenarios

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios/call"
)

// callOf makes the call that a scenario begins with, and learns from the reply
// by which ids its chain is known.
func callOf(ctx context.Context, f *flows.Flow, in *instance) sending {
	s := sending{instance: in, called: &flows.Trigger{}}
	reply, err := call.Do(ctx, in.call)
	if err != nil {
		s.err = fmt.Errorf("scenario %q: %w", in.scenario.Label(in.kase), err)
		return s
	}
	begun, err := in.scenario.Replied(f, in.id, in.kase, reply)
	if s.err = err; err == nil {
		s.called = &begun
	}
	return s
}

// ErrSetup says that a call of setup: failed: nothing was tapped or sent.
var ErrSetup = errors.New("setup")

// Errander does what setup and cleanup want on a broker.
type Errander func(context.Context, *flows.Errand) error

// do makes a call or does an errand, within what a call may take.
func (do Errander) do(ctx context.Context, c *flows.Call) error {
	if c.Errand == nil {
		_, err := call.Do(ctx, c)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, call.Timeout)
	defer cancel()
	if err := do(ctx, c.Errand); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

// SetUp makes the calls of the flow's setup, one after the other.
func SetUp(ctx context.Context, f *flows.Flow, errands Errander) error {
	for _, c := range f.Setup {
		if err := errands.do(ctx, c); err != nil {
			return fmt.Errorf("%w: %w", ErrSetup, err)
		}
	}
	return nil
}

// CleanUp makes the calls of the flow's cleanup, each of them, and tells which
// failed. It goes on when ctx has ended, for as long as a call may take.
func CleanUp(ctx context.Context, f *flows.Flow, errands Errander) []string {
	var failed []string
	for _, c := range f.Cleanup {
		if err := errands.do(context.WithoutCancel(ctx), c); err != nil {
			failed = append(failed, fmt.Sprintf("cleanup: %v", err))
		}
	}
	return failed
}
