package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed first.flow.yaml
var firstFlow []byte

func newInit(a *app) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first flow file, with comments",
		Long: `Write a first flow file, with comments that explain each part; by default
order.flow.yaml. A file that is there already is not touched.

With --from it is written from an AsyncAPI document, 2.x or 3.x: brokers, channels,
the messages' schemas, correlation ids, and a first chain from what the application
receives to what it sends.`,
		Example: "  flowcheck init\n  flowcheck init flows/payment.flow.yaml\n  flowcheck init --from asyncapi.yaml order.flow.yaml\n  flowcheck init -",
		Args:    takes("one FILE at most", 0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "order.flow.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			text, err := a.firstFlow(from, name)
			if err != nil {
				return err
			}
			if name == "-" {
				_, err := a.out.Write(text)
				return err
			}
			f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			if errors.Is(err, os.ErrExist) {
				return input(fmt.Errorf("%s is there already: name another file", name))
			}
			if err != nil {
				return input(err)
			}
			if _, err := f.Write(text); err != nil {
				_ = f.Close()
				return &failure{exitUnknown, err}
			}
			if err := f.Close(); err != nil {
				return &failure{exitUnknown, err}
			}
			fmt.Fprintf(a.out, "wrote %s; next: flowcheck lint %s\n", name, name)
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "an AsyncAPI `DOCUMENT` to begin from")
	return cmd
}

// firstFlow is the flow file to write: the example, or one from a document.
func (a *app) firstFlow(from, out string) ([]byte, error) {
	if from == "" {
		return firstFlow, nil
	}
	data, err := readBounded(from)
	if err != nil {
		return nil, input(err)
	}
	flow, notes, err := flowFrom(data, from, out)
	if err != nil {
		return nil, input(err)
	}
	for _, note := range notes {
		fmt.Fprintln(a.err, "flowcheck: note: "+note)
	}
	return flow, nil
}
