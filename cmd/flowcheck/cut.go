package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/shadow"
)

func newCut(a *app) *cobra.Command {
	var state, out string
	cmd := &cobra.Command{
		Use:   "cut FINDING --state FOLDER -o FILE",
		Short: "Cut the chain of a shadow's finding out of what it keeps, as a recording",
		Long: `Write the messages that a finding of a shadow rests on as a recording: verify says
the same of it, and replay sends its triggers again. FINDING is the id in the
findings file. The shadow may be running. What it has forgotten since cannot be
cut out: --record-last keeps it for longer.

Exit code: 0 done, 2 bad input, 3 not kept any more.`,
		Example: `  flowcheck cut 5f6c0a51b2d38e4f90a7c1d2 --state /var/lib/flowcheck -o finding.jsonl
  flowcheck verify order.flow.yaml finding.jsonl`,
		Args: takes("FINDING", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.cut(args[0], state, out) },
	}
	cmd.Flags().StringVar(&state, "state", "", "the state `FOLDER` of the shadow")
	cmd.Flags().StringVarP(&out, "output", "o", "", "the recording: `FILE` (.jsonl)")
	_ = cmd.MarkFlagRequired("state")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

// cut writes a recording of a finding's chain; nothing is left of one that failed.
func (a *app) cut(id, state, out string) error {
	file, err := os.OpenFile(filepath.Clean(out), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return input(err)
	}
	found, err := shadow.Cut(file, state, id)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(out)
		return trouble(err)
	}
	fmt.Fprintf(a.out, "%s: %s: %s\n", found.Flow, found.Kind, found.Text)
	return nil
}
