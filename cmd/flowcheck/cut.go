package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/shadow"
)

func newCut(a *app) *cobra.Command {
	var state, out, flow string
	cmd := &cobra.Command{
		Use:   "cut FINDING --state FOLDER -o FILE",
		Short: "Cut the chain of a shadow's finding out of what it keeps, as a recording",
		Long: `Write the messages that a finding of a shadow rests on as a recording: verify says
the same of it, and replay sends its triggers again. FINDING is the id in the
findings file. The shadow may be running. What it has forgotten since cannot be
cut out: --record-last keeps it for longer.

With --flow instead of FINDING it writes all that is kept of that flow.

Exit code: 0 done, 2 bad input, 3 not kept any more.`,
		Example: `  flowcheck cut 5f6c0a51b2d38e4f90a7c1d2 --state /var/lib/flowcheck -o finding.jsonl
  flowcheck verify order.flow.yaml finding.jsonl`,
		Args: takes("FINDING", 0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 == (flow != "") {
				return input(errors.New("name one FINDING, or all of a flow: --flow NAME"))
			}
			return a.cut(cutting{append(args, "")[0], flow, state}, out)
		},
	}
	cmd.Flags().StringVar(&flow, "flow", "", "all that is kept of the flow `NAME`, instead of a finding")
	cmd.Flags().StringVar(&state, "state", "", "the state `FOLDER` of the shadow")
	cmd.Flags().StringVarP(&out, "output", "o", "", "the recording: `FILE` (.jsonl)")
	_ = cmd.MarkFlagRequired("state")
	_ = cmd.MarkFlagRequired("output")
	return cmd
}

// cutting is what is to be cut out of a shadow's state.
type cutting struct{ finding, flow, state string }

func (c cutting) to(file *os.File) (said string, err error) {
	if c.flow != "" {
		return "all that is kept of " + c.flow, shadow.Transcript(file, c.state, c.flow)
	}
	found, err := shadow.Cut(file, c.state, c.finding)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s: %s", found.Flow, found.Kind, found.Text), nil
}

// cut writes a recording of what is asked for; nothing is left of one that failed.
func (a *app) cut(what cutting, out string) error {
	file, err := os.OpenFile(filepath.Clean(out), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return input(err)
	}
	said, err := what.to(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(out)
		return trouble(err)
	}
	fmt.Fprintln(a.out, said)
	return nil
}
