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

// SetUp makes the calls of the flow's setup, one after the other.
func SetUp(ctx context.Context, f *flows.Flow) error {
	for _, c := range f.Setup {
		if _, err := call.Do(ctx, c); err != nil {
			return fmt.Errorf("%w: %w", ErrSetup, err)
		}
	}
	return nil
}

// CleanUp makes the calls of the flow's cleanup, each of them, and tells which
// failed. It goes on when ctx has ended, for as long as a call may take.
func CleanUp(ctx context.Context, f *flows.Flow) []string {
	var failed []string
	for _, c := range f.Cleanup {
		if _, err := call.Do(context.WithoutCancel(ctx), c); err != nil {
			failed = append(failed, fmt.Sprintf("cleanup: %v", err))
		}
	}
	return failed
}
