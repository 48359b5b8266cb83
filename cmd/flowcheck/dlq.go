package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/dlq"
	"github.com/flowcheck/flowcheck/flows"
)

// dlqFlags are the flags of the verbs of dlq.
type dlqFlags struct {
	flow    flowFlags
	reports reportFlags
	queue   string
	most    int
	verbose bool
	// Which letters.
	reason, origin, position string
	all, remove              bool
}

func newDLQ(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "Look at dead letters, and send them to where they came from",
		Long: `Look at what lies on the flow's channels with dead-letters:, and send it to where
it came from, with a verdict on each letter.

Topics and streams are read. A queue can only be looked at by a consumer: its
messages are held for a moment and given back, which counts as a delivery.`,
		Example: "  flowcheck dlq ls order.flow.yaml\n  flowcheck dlq show order.flow.yaml dead",
	}
	cmd.AddCommand(newDLQLs(a), newDLQShow(a), newDLQReplay(a))
	return cmd
}

func (f *dlqFlags) register(cmd *cobra.Command) {
	f.flow.register(cmd)
	cmd.Flags().StringVar(&f.queue, "queue", "", "the queue in which the channel's letters lie, where more than one is bound (RabbitMQ)")
	cmd.Flags().IntVar(&f.most, "most", 1000, "look at `N` letters of a channel at most")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log what happens on the brokers, to standard error")
}

func (f *dlqFlags) registerChoice(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "only those whose reason or error class has this in it")
	cmd.Flags().StringVar(&f.origin, "origin", "", "only those that came from this channel")
	cmd.Flags().StringVar(&f.position, "position", "", "only the one at this position, as show prints it")
}

func newDLQLs(a *app) *cobra.Command {
	var flags dlqFlags
	cmd := &cobra.Command{
		Use: "ls FLOW [CHANNEL...]", Short: "Count dead letters by origin and reason",
		Example: "  flowcheck dlq ls order.flow.yaml",
		Args:    takes("FLOW [CHANNEL...]", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withBoxes(cmd.Context(), args, &flags, func(s *sorting) error { return s.list() })
		},
	}
	flags.register(cmd)
	return cmd
}

func newDLQShow(a *app) *cobra.Command {
	var flags dlqFlags
	cmd := &cobra.Command{
		Use: "show FLOW [CHANNEL...]", Short: "Show dead letters, one by one",
		Example: "  flowcheck dlq show order.flow.yaml dead --reason rejected",
		Args:    takes("FLOW [CHANNEL...]", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withBoxes(cmd.Context(), args, &flags, func(s *sorting) error { return s.show() })
		},
	}
	flags.register(cmd)
	flags.registerChoice(cmd)
	return cmd
}

func newDLQReplay(a *app) *cobra.Command {
	var flags dlqFlags
	cmd := &cobra.Command{
		Use: "replay FLOW [CHANNEL...]", Short: "Send dead letters to where they came from, and judge what becomes of them",
		Long: `Send dead letters to where they came from, without their failure headers, and judge
each: healed, parked again, or doubled. It sends those that a flag chooses, or with
--all every one.

Nothing is removed from the dead-letter channel, unless --remove says so: then what
has healed is, once that is proven.

Exit code 0 when all have healed, 1 when one was parked again or had its effect twice,
2 bad input, 3 unknown: nothing came of one, or where it came from is not known.`,
		Example: `  flowcheck dlq replay order.flow.yaml dead --reason rejected
  flowcheck dlq replay order.flow.yaml --all --remove --report json=replayed.json`,
		Args: takes("FLOW [CHANNEL...]", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !flags.all && flags.reason+flags.origin+flags.position == "" {
				return input(errors.New("dlq replay: choose letters by --reason, --origin or --position, or --all of them"))
			}
			plan, err := flags.reports.parse()
			if err != nil {
				return input(err)
			}
			plan.repeat = "flowcheck dlq replay " + shellWord(args[0])
			return a.withBoxes(cmd.Context(), args, &flags, func(s *sorting) error { return s.replay(cmd.Context(), plan) })
		},
	}
	flags.register(cmd)
	flags.registerChoice(cmd)
	flags.reports.register(cmd)
	cmd.Flags().BoolVar(&flags.all, "all", false, "send every letter")
	cmd.Flags().BoolVar(&flags.remove, "remove", false, "remove from the dead-letter channel what has healed")
	return cmd
}

// sorting is boxes of letters at hand.
type sorting struct {
	app   *app
	flags *dlqFlags
	flow  *flows.Flow
	sys   *system
	names []string
	boxes []*dlq.Box
	place []dlq.Place
}

// withBoxes looks at the channels, does something with what lies there, and gives it back.
func (a *app) withBoxes(ctx context.Context, args []string, flags *dlqFlags, do func(*sorting) error) (err error) {
	flow, err := a.load(args[0], &flags.flow)
	if err == nil {
		err = a.checkChannels(args[0], flow)
	}
	if err == nil {
		err = checkNames(&flags.flow, flow)
	}
	if err != nil {
		return err
	}
	if flags.most < 1 {
		return input(errors.New("--most: at least 1"))
	}
	chosen, err := deadChannels(flow, args[1:])
	if err != nil {
		return input(err)
	}
	c := &connector{adapters: a.adapters, runID: newRunID(), log: a.logger(flags.verbose)}
	s := &sorting{app: a, flags: flags, flow: flow}
	s.sys, err = c.connect(ctx, flow, true)
	defer s.sys.close()
	if err != nil {
		return trouble(err)
	}
	defer func() {
		for _, b := range s.boxes {
			err = errors.Join(err, trouble(b.Close(context.WithoutCancel(ctx))))
		}
	}()
	for _, i := range chosen {
		ch := s.sys.channels[i]
		if flags.queue != "" {
			ch.Queue, ch.Exchange = flags.queue, ""
		}
		place := dlq.Place{Flow: flow, Index: i, Channel: ch, Tapper: s.sys.tappers[flow.Channels[i].Broker]}
		box, err := dlq.Look(ctx, place, flags.most)
		if err != nil {
			return trouble(fmt.Errorf("channel %s: %w", ch.Name, err))
		}
		s.names, s.boxes, s.place = append(s.names, ch.Name), append(s.boxes, box), append(s.place, place)
	}
	return trouble(do(s))
}

// deadChannels are the channels with dead-letters:, or those of them that are named.
func deadChannels(f *flows.Flow, names []string) ([]int, error) {
	var chosen []int
	var all []string
	for i := range f.Channels {
		ch := &f.Channels[i]
		if ch.DeadLetters == nil {
			continue
		}
		all = append(all, ch.Name)
		if len(names) == 0 || slices.Contains(names, ch.Name) {
			chosen = append(chosen, i)
		}
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s is no channel with dead-letters:; there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no channel of the flow has dead-letters")
	}
	return chosen, nil
}

// chosen are the letters that the flags choose, with their boxes.
func (s *sorting) chosen() (letters []*dlq.Letter, of map[*dlq.Letter]*dlq.Box) {
	of = map[*dlq.Letter]*dlq.Box{}
	for _, b := range s.boxes {
		for i := range b.Letters {
			l := &b.Letters[i]
			if s.flags.origin != "" && l.Origin(s.flow) != s.flags.origin ||
				s.flags.position != "" && l.Position.String() != s.flags.position ||
				!strings.Contains(l.Reason()+" "+l.Death.Reason, s.flags.reason) {
				continue
			}
			letters = append(letters, l)
			of[l] = b
		}
	}
	return letters, of
}
