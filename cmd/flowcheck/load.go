package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/payload/formats"
)

// flowFlags are the flags of every verb that reads a flow file.
type flowFlags struct {
	vars     []string
	varFiles []string
	brokers  []string
	// offline: no broker is connected to, so that what only a connection needs may
	// be lacking.
	offline bool
	// seed is what test data is made from.
	seed uint64
	// salt goes into the hashes of masked values; "" is a fresh one.
	salt string
}

func (f *flowFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.vars, "var", nil, "set a variable of the flow file: `NAME=VALUE`, repeatable")
	cmd.Flags().StringArrayVar(&f.varFiles, "vars", nil, "a `FILE` of variables in YAML, repeatable")
	cmd.Flags().StringArrayVar(&f.brokers, "broker", nil, "another URL for a broker: `NAME=URL`, repeatable")
}

// load reads and compiles a flow file. Every error is printed, with its line.
func (a *app) load(name string, flags *flowFlags) (*flows.Flow, error) {
	opts, err := a.options(flags)
	if err != nil {
		return nil, input(err)
	}
	data, err := readBounded(name)
	if err != nil {
		return nil, input(err)
	}
	flow, errs := flows.Load(name, data, opts)
	return flow, a.printErrors(name, errs)
}

// checkNames reports names of --broker and --var that no flow has.
func checkNames(flags *flowFlags, loaded ...*flows.Flow) error {
	var brokers, variables []string
	for _, f := range loaded {
		for i := range f.Brokers {
			brokers = append(brokers, f.Brokers[i].Name)
		}
		variables = append(variables, f.Variables()...)
	}
	return cmp.Or(among("broker", "broker", flags.brokers, brokers), among("var", "variable", flags.vars, variables))
}

// among reports the first NAME=… of a flag whose name is not known.
func among(flag, what string, given, known []string) error {
	slices.Sort(known)
	known = slices.Compact(known)
	for _, g := range given {
		name, _, _ := strings.Cut(g, "=")
		switch {
		case slices.Contains(known, name):
		case len(known) == 0:
			return input(fmt.Errorf("--%s %s: no such %s; the flow has none: define it under %ss", flag, name, what, flag))
		default:
			return input(fmt.Errorf("--%s %s: no such %s; there are %s", flag, name, what, strings.Join(source.NearestFirst(name, known), ", ")))
		}
	}
	return nil
}

// printErrors prints what is wrong with a flow file, each with its line.
func (a *app) printErrors(name string, errs source.Errors) error {
	if len(errs) == 0 {
		return nil
	}
	if err := errs.Format(a.err); err != nil {
		return trouble(err)
	}
	return input(fmt.Errorf("%s in %s", count(len(errs), "error"), name))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *app) options(flags *flowFlags) (flows.Options, error) {
	opts := flows.Options{
		Env: a.env, Vars: map[string]string{}, Brokers: map[string]string{}, Now: a.now, UUID: uuid.NewString,
		Open: readBounded, ReadFile: readSmall, MaskSalt: cmp.Or(flags.salt, salt()),
		Offline: flags.offline, Seed: flags.seed, Codecs: formats.Open,
	}
	for _, v := range flags.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return opts, fmt.Errorf("--var %q: write NAME=VALUE", v)
		}
		opts.Vars[name] = value
	}
	for _, b := range flags.brokers {
		name, url, ok := strings.Cut(b, "=")
		if !ok || name == "" || url == "" {
			return opts, fmt.Errorf("--broker %q: write NAME=URL", name)
		}
		opts.Brokers[name] = url
	}
	for _, file := range flags.varFiles {
		data, err := readBounded(file)
		if err != nil {
			return opts, fmt.Errorf("--vars: %w", err)
		}
		opts.VarFiles = append(opts.VarFiles, flows.VarFile{Name: file, Data: data})
	}
	return opts, nil
}

// salt is fresh for each run: nobody can look masked values up in a table.
func salt() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// readBounded reads a file, but no more than a flow file may have.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: name a file", name)
	}
	size := info.Size()
	data, err := io.ReadAll(io.LimitReader(f, source.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > source.MaxBytes {
		return nil, fmt.Errorf("%s has %s; at most %d MiB are read: split it with use:, or give the flow file, not a recording",
			name, mebibytes(max(size, int64(len(data)))), source.MaxBytes>>20)
	}
	return data, nil
}

// readSmall reads what ${file("…")} names.
func readSmall(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && info.Size() > source.MaxBytes {
		return nil, fmt.Errorf("%s has %s; a value from a file may have %d MiB", name, mebibytes(info.Size()), source.MaxBytes>>20)
	}
	return readBounded(name)
}

// mebibytes spells a size that is more than one.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func newLint(a *app) *cobra.Command {
	flags := flowFlags{offline: true}
	cmd := &cobra.Command{
		Use:   "lint FLOW...",
		Short: "Check flow files: every error at once",
		Long: `Check flow files without a broker: every error at once, as file:line:col: message,
with the line and a caret. Exit code 2 if there is any.

Environment variables and files that only a connection to a broker needs may be
lacking.`,
		Example: "  flowcheck lint order.flow.yaml\n  flowcheck lint flows/*.yaml",
		Args:    takes("FLOW...", 1, -1),
		RunE: func(_ *cobra.Command, files []string) error {
			wrong := 0
			var loaded []*flows.Flow
			for _, file := range files {
				flow, err := a.load(file, &flags)
				if err == nil {
					loaded = append(loaded, flow)
					err = a.checkChannels(file, flow)
				}
				if err != nil {
					fmt.Fprintln(a.err, "flowcheck: "+err.Error())
					wrong++
					continue
				}
				fmt.Fprintf(a.out, "%s: ok\n", file)
			}
			if wrong > 0 {
				return verdict(exitInput)
			}
			return checkNames(&flags, loaded...)
		},
	}
	flags.register(cmd)
	return cmd
}
