// Command withbrokers runs a command with real brokers beside it:
//
//	go run ./internal/withbrokers [-only kafka,rabbitmq,ministack,elasticmq,mariadb,postgres] [-systems N] -- CMD ARGS…
//
// It installs what is missing where it may, starts the brokers on free ports of 127.0.0.1, puts their addresses
// into the command's environment (see package testbroker), runs the command, stops the brokers, and exits with the
// command's code. A broker whose address the environment already has is not started.
//
// What could not be started is named before and after the command, with the way out; its tests are then skipped.
// With FLOWCHECK_NO_SKIP=1 it is an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/flowcheck/flowcheck/internal/testbroker"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stderr)
	cancel()
	os.Exit(code)
}

// run is the whole program; its own words go to log.
func run(ctx context.Context, args []string, log io.Writer) int {
	wanted, options, cmd, err := parse(args, log)
	if err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 2
	}
	options.Home = testbroker.Home()
	if err := os.MkdirAll(options.Home, 0o755); err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 1
	}
	if options.Dir, err = os.MkdirTemp("", "flowcheck-brokers-"); err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 1
	}
	defer os.RemoveAll(options.Dir)

	all := startAll(ctx, wanted, options)
	tell(log, all)
	code := 1
	if complete(all) || (os.Getenv(testbroker.EnvNoSkip) != "1" && ctx.Err() == nil) {
		code = runCommand(ctx, cmd, append(environment(all), testbroker.EnvHome+"="+options.Home), log)
	}
	begin := time.Now()
	for _, err := range stopAll(all) {
		if err != nil {
			fmt.Fprintln(log, "withbrokers:", err)
		}
	}
	fmt.Fprintf(log, "withbrokers: brokers stopped in %.1fs\n", time.Since(begin).Seconds())
	tellSkipped(log, all)
	return code
}

// parse reads the arguments: the brokers wanted and the command.
func parse(args []string, log io.Writer) (wanted []kind, o testbroker.Options, cmd []string, err error) {
	flags := flag.NewFlagSet("withbrokers", flag.ContinueOnError)
	flags.SetOutput(log)
	only := flags.String("only", "", "the brokers to start, separated by commas; all if empty")
	flags.IntVar(&o.Systems, "systems", 1, "how many systems under test Kafka has a listener for, each behind a proxy of its own")
	if err := flags.Parse(args); err != nil {
		return nil, o, nil, err
	}
	if flags.NArg() == 0 {
		return nil, o, nil, errors.New("no command: withbrokers [-only kafka,…] -- CMD ARGS…")
	}
	wanted = kinds()
	if *only != "" {
		names := strings.Split(*only, ",")
		wanted = slices.DeleteFunc(wanted, func(k kind) bool { return !slices.Contains(names, k.name) })
		if len(wanted) != len(names) {
			return nil, o, nil, fmt.Errorf("-only %s: the brokers are kafka, rabbitmq, ministack, elasticmq, mariadb, postgres, chromium", *only)
		}
	}
	return wanted, o, flags.Args(), nil
}

// runCommand runs the command with the brokers' addresses and returns its exit code, 130 when it was interrupted.
func runCommand(ctx context.Context, args, env []string, log io.Writer) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 130
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(log, "withbrokers:", err)
		return 1
	}
	return 0
}

// environment gives the addresses of what was started.
func environment(all []started) []string {
	var env []string
	for _, s := range all {
		if s.broker == nil {
			continue
		}
		for _, v := range s.vars {
			env = append(env, v.name+"="+v.value(s.broker))
		}
	}
	return env
}

// complete tells whether every broker wanted is there.
func complete(all []started) bool {
	return !slices.ContainsFunc(all, func(s started) bool { return s.err != nil })
}

// tell prints where each broker is and how long it took.
func tell(log io.Writer, all []started) {
	for _, s := range all {
		switch {
		case s.err != nil: // told by tellSkipped
		case s.start == nil:
			fmt.Fprintf(log, "withbrokers: %-9s installed in %.1fs\n", s.name, s.installed.Seconds())
		case s.broker == nil:
			fmt.Fprintf(log, "withbrokers: %-9s from %s\n", s.name, s.vars[0].name)
		default:
			fmt.Fprintf(log, "withbrokers: %-9s installed in %.1fs, ready in %.1fs, process %d\n",
				s.name, s.installed.Seconds(), s.booted.Seconds(), s.broker.Pid())
		}
	}
	tellSkipped(log, all)
}

// tellSkipped names loudly what is not tested, and why.
func tellSkipped(log io.Writer, all []started) {
	for _, s := range all {
		if s.err != nil {
			fmt.Fprintf(log, "withbrokers: !!! SKIPPED: NO %s, its tests do not run: %v\n", strings.ToUpper(s.name), s.err)
		}
	}
}
