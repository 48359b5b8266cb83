package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/feed"
	"github.com/flowcheck/flowcheck/message"
)

func newVerify(a *app) *cobra.Command {
	flags := flowFlags{offline: true}
	var reports reportFlags
	cmd := &cobra.Command{
		Use:   "verify FLOW RECORDING",
		Short: "Judge a recording, without a broker",
		Long: `Judge a recording (.jsonl, .jsonl.zst, or - for standard input) by a flow file,
without a broker. A recording of a run is judged as the run was: the findings
are the same to the byte.

Exit code 0 pass, 1 fail, 2 bad input, 3 unknown.`,
		Example: `  flowcheck verify order.flow.yaml day.jsonl
  flowcheck verify order.flow.yaml day.jsonl.zst --report json=- --report junit=out.xml`,
		Args: takes("FLOW RECORDING", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			out, err := reports.parse()
			if err != nil {
				return input(err)
			}
			flow, err := a.load(args[0], &flags)
			if err == nil {
				err = checkNames(&flags, flow)
			}
			if err != nil {
				return err
			}
			result, err := a.verify(cmd.Context(), flow, args[1], out.whole())
			if err != nil {
				return err
			}
			out.repeat = "flowcheck verify " + shellWord(args[0]) + " " + shellWord(args[1])
			return a.reportOne(result, out)
		},
	}
	flags.register(cmd)
	reports.register(cmd)
	return cmd
}

// verify reads a recording through an audit; whole keeps messages for the report.
func (a *app) verify(ctx context.Context, flow *flows.Flow, name string, whole bool) (*flows.Result, error) {
	var result *flows.Result
	err := a.reading(name, flow, func(reader *message.Reader) error {
		audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify", Started: reader.Header().Started, Probes: reader.Header().Probes || whole})
		if err := feed.Feed(ctx, reader, audit); err != nil {
			return err
		}
		result = audit.Result()
		return nil
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return result, err
}

// reading opens a recording and has it read. What is wrong with it is bad input,
// with its name.
func (a *app) reading(name string, flow *flows.Flow, read func(*message.Reader) error) error {
	in, closeInput, err := a.openRecording(name)
	if err != nil {
		return input(err)
	}
	defer closeInput()
	if name == "-" {
		name = "standard input"
	}
	reader, err := message.NewReader(in)
	if err != nil {
		return input(fmt.Errorf("%s: %w", name, err))
	}
	header := reader.Header()
	if of := header.Flow; flow != nil && of != "" && of != flow.Name {
		fmt.Fprintf(a.err, "flowcheck: note: %s was recorded of the flow %s, and is judged by %s\n", name, of, flow.Name)
	}
	if err := tapped(flow, header.Channels); err != nil {
		return input(fmt.Errorf("%s: %w", name, err))
	}
	if err := read(reader); err != nil {
		return input(fmt.Errorf("%s: %w", name, err))
	}
	return nil
}

// whole takes err for the end of a recording where it is only cut off: what is
// whole is used, and that is said.
func (a *app) whole(name string, err error) error {
	if !errors.Is(err, message.ErrCut) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	fmt.Fprintf(a.err, "flowcheck: note: %s: %v; what stands before it is used\n", name, err)
	return nil
}

// readBuffer is the read-ahead of a recording, in bytes.
const readBuffer = 1 << 20

// zstdMagic begins a frame of zstd (RFC 8878, 3.1.1).
const zstdMagic = "\x28\xb5\x2f\xfd"

// openRecording opens a recording; its first bytes tell whether it is packed,
// whatever its name.
func (a *app) openRecording(name string) (io.Reader, func(), error) {
	closeFile := func() {}
	in := a.in
	if name != "-" {
		f, err := os.Open(filepath.Clean(name))
		if err != nil {
			return nil, nil, err
		}
		in, closeFile = f, func() { _ = f.Close() }
	}
	buffered := bufio.NewReaderSize(in, readBuffer)
	// What is wrong with a file that is too short, its reader says.
	if magic, _ := buffered.Peek(len(zstdMagic)); string(magic) != zstdMagic {
		return buffered, closeFile, nil
	}
	z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		closeFile()
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return z, func() { z.Close(); closeFile() }, nil
}

// maxUnpacked bounds the memory that a packed recording may ask for.
const maxUnpacked = 256 << 20
