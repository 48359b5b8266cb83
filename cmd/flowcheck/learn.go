package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/infer"
	"github.com/flowcheck/flowcheck/learn"
	"github.com/flowcheck/flowcheck/message"
)

// learnFlags are the flags of learn.
type learnFlags struct {
	out      string
	name     string
	messages int
	force    bool
	live     time.Duration
	keep     string
	flow     flowFlags
}

func newLearn(a *app) *cobra.Command {
	var flags learnFlags
	cmd := &cobra.Command{
		Use:   "learn RECORDING | learn --live D FLOW",
		Short: "Write a first flow file from recorded traffic",
		Long: `Write a first flow file from recorded traffic: channels, the ids that tie messages,
steps by what says what a message is, their order, counts and deadlines, outcomes
with their shares, sequences, dead letters. Each guess stands with its evidence, as
a comment. The traffic passes what comes out; what it contradicts is taken back.

With --live the traffic of so long is tapped first, as record does: FLOW then names
brokers and channels, and needs no more.

It is a beginning: names are what the traffic calls things, and chance is not
always told from law.

Exit code 0 when the traffic passes, 1 when it has faults that no guess explains,
2 bad input, 3 when there is nothing to learn from, or it ends too early.`,
		Example: `  flowcheck learn day.jsonl -o first.flow.yaml
  flowcheck learn day.jsonl.zst --name order-fulfilment > first.flow.yaml
  flowcheck learn --live 5m channels.flow.yaml -o first.flow.yaml --keep day.jsonl`,
		Args: takes("RECORDING, or a FLOW with --live", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("live") && flags.live <= 0:
				return input(fmt.Errorf("--live %v: it must be longer than nothing", flags.live))
			case flags.live > 0:
				return a.learnLive(cmd.Context(), args[0], &flags)
			case flags.keep != "":
				return input(errors.New("--keep goes with --live"))
			}
			return a.learn(cmd.Context(), args[0], nil, &flags)
		},
	}
	flags.flow.register(cmd)
	cmd.Flags().DurationVar(&flags.live, "live", 0, "tap the channels of the flow file for so long, such as 5m, and learn from that")
	cmd.Flags().StringVar(&flags.keep, "keep", "", "with --live: keep the recording in `FILE`")
	cmd.Flags().StringVarP(&flags.out, "output", "o", "-", "write the flow file to `FILE`; - is standard output")
	cmd.Flags().StringVar(&flags.name, "name", "", "the flow's `NAME`; by default the recording's")
	cmd.Flags().IntVar(&flags.messages, "messages", learn.DefaultMessages, "how many messages are learnt from at most")
	cmd.Flags().BoolVar(&flags.force, "force", false, "overwrite the file of -o")
	return cmd
}

// learn learns from a recording. The addresses say where its channels are, as far as
// that is known.
func (a *app) learn(ctx context.Context, recording string, addresses map[string]string, flags *learnFlags) error {
	if flags.messages < 1 {
		return input(errors.New("--messages: at least 1"))
	}
	var lesson *learn.Lesson
	err := a.reading(recording, nil, func(r *message.Reader) (err error) {
		lesson, err = learn.From(ctx, learn.Config{
			Name: flags.name, Messages: flags.messages, Addresses: addresses, Cut: func(err error) error { return a.whole(recording, err) },
		}, r)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, learn.ErrNothing):
		return &failure{exitUnknown, errors.Unwrap(err)}
	case err != nil:
		return err
	}
	if err := a.writeFlow(flags, lesson.Text); err != nil {
		return err
	}
	c := &lesson.Result.Chains
	fmt.Fprintf(a.err, "flowcheck: learnt from %d of %d messages: %d chains, %d pass, %d fail, %d unknown\n",
		lesson.Learnt, lesson.Messages, c.Total, c.Pass, c.Fail, c.Unknown)
	switch lesson.Result.State {
	case flows.Fail:
		return verdict(exitFail)
	case flows.NotKnown:
		return verdict(exitUnknown)
	default:
		return nil
	}
}

// judging finds the parts of a flow file that say what is judged, channelName the
// first channel of one that has none.
var (
	judging     = regexp.MustCompile(`(?m)^["']?(steps|rules)["']?\s*:`)
	channelName = regexp.MustCompile(`(?m)^["']?channels["']?\s*:\s*(?:#.*)?(?:\s*#.*\n|\s)*\{?\s*["']?([A-Za-z_][\w-]*)`)
)

// learnLive records the channels of a flow file, and learns from that. Ctrl-C ends
// the recording early.
func (a *app) learnLive(ctx context.Context, file string, flags *learnFlags) error {
	flow, err := a.loadChannels(file, &flags.flow)
	if err != nil {
		return err
	}
	name := flags.keep
	if name == "" {
		dir, err := os.MkdirTemp("", "flowcheck-learn-")
		if err != nil {
			return trouble(err)
		}
		defer os.RemoveAll(dir)
		name = filepath.Join(dir, "live.jsonl")
	}
	quiet := *a
	quiet.out = a.err // standard output is the flow file's
	if err := quiet.record(ctx, flow, recordPlan{file: name, length: flags.live}); err != nil {
		return err
	}
	return a.learn(context.WithoutCancel(ctx), name, addresses(flow), flags)
}

// addresses are those of the flow's channels on queues and topics, as a flow file
// writes them.
func addresses(flow *flows.Flow) map[string]string {
	all := map[string]string{}
	for i := range flow.Channels {
		ch := &flow.Channels[i]
		var parts []string
		for _, at := range []struct{ key, value string }{
			{"topic", ch.Topic}, {"exchange", ch.Exchange}, {"queue", ch.Queue}, {"stream", ch.Stream}, {"sns", ch.SNS}, {"sqs", ch.SQS},
		} {
			if at.value != "" {
				parts = append(parts, at.key+": "+infer.Quote(at.value))
			}
		}
		if len(ch.RoutingKeys) > 0 {
			keys := make([]string, len(ch.RoutingKeys))
			for n, k := range ch.RoutingKeys {
				keys[n] = infer.Quote(k)
			}
			parts = append(parts, "routing-key: [ "+strings.Join(keys, ", ")+" ]")
		}
		if ch.Firehose {
			parts = append(parts, "tap: firehose")
		}
		if ch.Intrusive {
			parts = append(parts, "intrusive: true")
		}
		if len(parts) > 0 {
			all[ch.Name] = strings.Join(parts, ", ")
		}
	}
	return all
}

// loadChannels loads a flow file that may say nothing but brokers and channels.
func (a *app) loadChannels(file string, flags *flowFlags) (*flows.Flow, error) {
	opts, err := a.options(flags)
	if err != nil {
		return nil, input(err)
	}
	text, err := readBounded(file)
	if err != nil {
		return nil, input(err)
	}
	if first := channelName.FindSubmatch(text); first != nil && !judging.Match(text) {
		text = fmt.Appendf(text, "\nrules: [ { never: { channel: %s, when: 'false' } } ]\n", first[1])
	}
	flow, errs := flows.Load(file, text, opts)
	if err := a.printErrors(file, errs); err != nil {
		return nil, err
	}
	if err := a.checkChannels(file, flow); err != nil {
		return nil, err
	}
	return flow, checkNames(flags, flow)
}

// writeFlow writes the file, but over none that is there.
func (a *app) writeFlow(flags *learnFlags, text string) error {
	if flags.out == "-" {
		_, err := io.WriteString(a.out, text)
		return trouble(err)
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if flags.force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Clean(flags.out), mode, 0o600)
	if errors.Is(err, os.ErrExist) {
		return input(fmt.Errorf("%s is there already: --force overwrites it", flags.out))
	}
	if err != nil {
		return input(err)
	}
	_, err = io.WriteString(f, text)
	return trouble(errors.Join(err, f.Close()))
}
