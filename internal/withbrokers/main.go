// Command withbrokers runs a command with real brokers beside it:
//
//	go run ./internal/withbrokers [-only kafka,rabbitmq,ministack,elasticmq,mariadb,postgres,chromium] [-systems N] -- CMD ARGS…
//	go run ./internal/withbrokers [-only …] -install
//
// It installs what is missing where it may, starts the brokers on free ports of 127.0.0.1, puts their addresses
// into the command's environment (see package testbroker), runs the command, stops the brokers, and exits with the
// command's code. A broker whose address the environment already has is not started. With -install it only installs.
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
	o, err := parse(args, log)
	if err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 2
	}
	o.servers.Home = testbroker.Home()
	if err := os.MkdirAll(o.servers.Home, 0o755); err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 1
	}
	if o.install {
		return install(ctx, o, log)
	}
	if o.servers.Dir, err = os.MkdirTemp("", "flowcheck-brokers-"); err != nil {
		fmt.Fprintln(log, "withbrokers:", err)
		return 1
	}
	defer os.RemoveAll(o.servers.Dir)

	all := startAll(ctx, o.wanted, o.servers)
	tell(log, all)
	code := 1
	if mayGoOn(ctx, all) {
		code = runCommand(ctx, o.command, append(environment(all), testbroker.EnvHome+"="+o.servers.Home), log)
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

// install installs the kinds side by side, and starts none.
func install(ctx context.Context, o options, log io.Writer) int {
	for i := range o.wanted {
		o.wanted[i].start = nil
	}
	all := startAll(ctx, o.wanted, o.servers)
	tell(log, all)
	switch {
	case ctx.Err() != nil:
		return 130
	case !mayGoOn(ctx, all):
		return 1
	}
	return 0
}

// options are what the arguments say.
type options struct {
	wanted  []kind
	servers testbroker.Options
	install bool
	command []string
}

func parse(args []string, log io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("withbrokers", flag.ContinueOnError)
	flags.SetOutput(log)
	only := flags.String("only", "", "the brokers to start, separated by commas; all if empty")
	flags.IntVar(&o.servers.Systems, "systems", 1, "how many systems under test Kafka has a listener for, each behind a proxy of its own")
	flags.BoolVar(&o.install, "install", false, "install the brokers and start none")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.command = flags.Args()
	if o.install == (len(o.command) > 0) {
		return o, errors.New("a command or -install: withbrokers [-only kafka,…] -- CMD ARGS…")
	}
	o.wanted = kinds()
	if *only != "" {
		names := strings.Split(*only, ",")
		o.wanted = slices.DeleteFunc(o.wanted, func(k kind) bool { return !slices.Contains(names, k.name) })
		if len(o.wanted) != len(names) {
			return o, fmt.Errorf("-only %s: the brokers are kafka, rabbitmq, ministack, elasticmq, mariadb, postgres, chromium", *only)
		}
	}
	return o, nil
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

// mayGoOn tells whether every broker wanted is there, or may be done without.
func mayGoOn(ctx context.Context, all []started) bool {
	return !slices.ContainsFunc(all, func(s started) bool { return s.err != nil }) ||
		os.Getenv(testbroker.EnvNoSkip) != "1" && ctx.Err() == nil
}

// tell prints where each broker is and how long it took.
func tell(log io.Writer, all []started) {
	for _, s := range all {
		switch {
		case s.err != nil: // told by tellSkipped
		case s.elsewhere:
			fmt.Fprintf(log, "withbrokers: %-9s from %s\n", s.name, s.vars[0].name)
		case s.start == nil:
			fmt.Fprintf(log, "withbrokers: %-9s installed in %.1fs\n", s.name, s.installed.Seconds())
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
