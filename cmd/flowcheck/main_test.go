package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts and golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flowcheck": main, "shopcheck": shopcheck})
}

// shopcheck is flowcheck with the sample shop inside its own process, on embedded
// brokers, as the flow file's brokers events, tasks and cloud. SHOP_BUG switches
// one of its bugs on; SHOP_BROKERS leaves only those brokers in.
func shopcheck() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := processApp()
	code, err := runInShop(ctx, os.Getenv("SHOP_BUG"), a, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "shopcheck:", err)
		os.Exit(99)
	}
	os.Exit(code)
}

// runInShop runs the command line against a shop of its own.
func runInShop(ctx context.Context, bug string, a *app, args []string) (code int, err error) {
	e, err := startEmbedded(context.WithoutCancel(ctx), bug)
	if err != nil {
		return 0, err
	}
	a.adapters = e.adapters()
	a.env = maps.Clone(a.env)
	var urls []string
	only := strings.Fields(os.Getenv("SHOP_BROKERS"))
	for _, name := range slices.Sorted(maps.Keys(e.urls)) {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		urls = append(urls, name+"="+e.urls[name])
	}
	a.env["SHOP"] = e.control.URL
	a.env[envOf("broker")] = strings.Join(urls, "\n")
	code = execute(ctx, args, a)
	return code, e.close()
}

// TestScripts runs each document in testdata/script: commands, files, expected
// output and exit codes.
func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/script", nil)
}

// runScripts runs the documents of a folder; vars are added to their environment.
func runScripts(t *testing.T, dir string, vars map[string]string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for name, value := range vars {
				env.Setenv(name, value)
			}
			flow, err := os.ReadFile("../../examples/shop/order.flow.yaml")
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(env.Cd+"/shop.flow.yaml", flow, 0o600), readmeFlow(env.Cd+"/readme.flow.yaml"))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit": exitCommand, "zst": zstCommand, "repeat": repeatCommand, "mode": modeCommand, "chop": chopCommand,
			"cut": cutCommand, "kafka": kafkaCommand, "guarded": guardedCommand, "stranger": strangerCommand,
			"deaf": deafCommand, "refusal": refusalCommand,
		},
	})
}

// readmeFlow writes the whole flow file that the README shows.
func readmeFlow(path string) error {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(readme), "```yaml\nflowcheck: 1\n")
	flow, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		return errors.New("the README has no flow file")
	}
	return os.WriteFile(path, []byte("flowcheck: 1\n"+flow), 0o600)
}

// exitCommand is: exit CODE PROGRAM ARGS…, which must end with the code.
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exited interface{ ExitCode() int }
	switch {
	case errors.As(err, &exited):
		code = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d instead of %s", code, args[0])
	}
	for _, out := range []string{"stdout", "stderr"} {
		if text := ts.ReadFile(out); strings.Contains(text, "goroutine ") || strings.Contains(text, "panic:") {
			ts.Fatalf("a stack trace on %s", out)
		}
	}
}

// zstCommand is: zst FILE, which packs it into FILE.zst.
func zstCommand(ts *testscript.TestScript, _ bool, args []string) {
	packer, err := zstd.NewWriter(nil)
	ts.Check(err)
	data := []byte(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".zst"), packer.EncodeAll(data, nil), 0o600))
}

// repeatCommand is: repeat N TEXT FILE, which writes the text that often.
func repeatCommand(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), bytes.Repeat([]byte(args[1]), n), 0o600))
}

// kafkaCommand is: kafka TOPIC…, which starts an embedded Kafka with these topics
// for the script; its address is then in $KAFKA.
func kafkaCommand(ts *testscript.TestScript, _ bool, args []string) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, args...))
	ts.Check(err)
	ts.Defer(cluster.Close)
	ts.Setenv("KAFKA", cluster.ListenAddrs()[0])
}

// chopCommand is: chop FILE, which takes its last line break away.
func chopCommand(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// cutCommand is: cut FILE N, which takes its last N bytes away.
func cutCommand(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:len(text)-n]), 0o600))
}

// modeCommand is: mode FILE MODE, which must be its permissions.
func modeCommand(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := info.Mode().Perm().String(); got != args[1] {
		ts.Fatalf("%s has the mode %s", args[0], got)
	}
}
