// Flowcheck verifies asynchronous message flows over Kafka, RabbitMQ and AWS
// SNS/SQS: one flow file, judged live (run), in the background (shadow) or from
// a recording (verify, replay).
//
// This package is flags, the map of adapters, and exit codes; one file a verb.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/scenarios"
)

// The exit codes of the contracts.
const (
	exitPass        = 0
	exitFail        = 1
	exitInput       = 2
	exitUnknown     = 3
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := execute(ctx, os.Args[1:], processApp())
	stop()
	os.Exit(code)
}

// processApp is the app of this process.
func processApp() *app {
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: env, now: time.Now, adapters: adapters(),
		isTerminal: isTerminal(os.Stderr), outIsTerminal: isTerminal(os.Stdout),
	}
}

// app is what the program has of its surroundings.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      map[string]string
	now      func() time.Time
	// adapters are the kinds of brokers that it speaks to.
	adapters []brokers.Adapter
	// isTerminal and outIsTerminal tell of stderr and stdout.
	isTerminal, outIsTerminal bool
}

// failure is an error with its exit code.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// input makes err one of bad input.
func input(err error) error { return &failure{exitInput, err} }

// trouble makes err one of the surroundings: a broker, a disk. What has an exit
// code already keeps it.
func trouble(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failure{exitUnknown, err}
}

// verdict is the exit code of a judgement, without words.
func verdict(code int) error {
	if code == exitPass {
		return nil
	}
	return &failure{code: code}
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, a *app) int {
	root := newRoot(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var f *failure
	switch {
	case err == nil:
		return exitPass
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		if errors.Is(err, scenarios.ErrLeftBehind) {
			fmt.Fprintln(a.err, "flowcheck: "+err.Error())
		} else {
			fmt.Fprintln(a.err, "flowcheck: interrupted before a verdict; nothing is left on the brokers")
		}
		return exitInterrupted
	case errors.As(err, &f):
		if f.err != nil {
			fmt.Fprintln(a.err, "flowcheck: "+f.Error()+wayOut(f))
		}
		return f.code
	}
	fmt.Fprintf(a.err, "flowcheck: %v\nSee %s --help.\n", err, cmd.CommandPath())
	return exitInput
}

// wayOut is what to do about something that is not on the broker, where the
// adapter does not say it.
func wayOut(err error) string {
	text := err.Error()
	if !errors.Is(err, brokers.ErrAbsent) || strings.Contains(text, "create it") || strings.Contains(text, "management API") {
		return ""
	}
	return "; flowcheck creates none: create it, or correct the name"
}
