package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/dlq"
	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/scenarios"
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
		err = checkBrokers(&flags.flow, flow)
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

// list prints the groups of each channel.
func (s *sorting) list() error {
	table := tabwriter.NewWriter(s.app.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHANNEL\tLETTERS\tORIGIN\tREASON\tDIALECT\tOLDEST\tNEWEST")
	for i, b := range s.boxes {
		if len(b.Letters) == 0 {
			fmt.Fprintf(table, "%s\t0\t\t\t\t\t\n", s.names[i])
		}
		for _, g := range dlq.Groups(s.flow, b.Letters) {
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", s.names[i], g.Letters, g.Origin, printable(g.Reason), g.Dialect, stamp(g.Oldest), stamp(g.Newest))
		}
		s.note(i)
	}
	return table.Flush()
}

// note says what looking at a channel has done, and that there may be more.
func (s *sorting) note(i int) {
	if b := s.boxes[i]; len(b.Letters) > 0 && b.Touched != "" {
		fmt.Fprintf(s.app.err, "flowcheck: note: %s: %s\n", s.names[i], b.Touched)
	}
	if len(s.boxes[i].Letters) == s.flags.most {
		fmt.Fprintf(s.app.err, "flowcheck: note: %s: %d were looked at, there may be more; --most takes another number\n", s.names[i], s.flags.most)
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// printable is a text on one line of a terminal: it comes from a message.
func printable(text string) string {
	const most = 2000
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return text
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

// show prints letters one by one.
func (s *sorting) show() error {
	letters, _ := s.chosen()
	for _, l := range letters {
		fmt.Fprintf(s.app.out, "%s  %s\n", l.Channel, l.Position)
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(s.app.out, "  %-9s %s\n", name, printable(value))
			}
		}
		line("from", l.Origin(s.flow))
		line("reason", l.Death.Reason)
		line("error", strings.TrimSpace(l.Death.ErrorClass+" "+l.Death.ErrorText))
		if l.Death.Attempts != nil {
			line("attempts", fmt.Sprint(*l.Death.Attempts))
		}
		if !l.Death.At.IsZero() {
			line("died", stamp(l.Death.At))
		}
		line("dialect", l.Death.Dialect)
		line("key", string(l.Key))
		line("body", string(l.Payload))
		fmt.Fprintln(s.app.out)
	}
	for i := range s.boxes {
		s.note(i)
	}
	fmt.Fprintln(s.app.out, count(len(letters), "dead letter"))
	return nil
}

// replay sends the chosen letters, judges them, and removes what has healed.
func (s *sorting) replay(ctx context.Context, plan *reportPlan) error {
	letters, of := s.chosen()
	if len(letters) == 0 {
		return &failure{exitUnknown, errors.New("no dead letter lies there that the flags choose: nothing was sent")}
	}
	verdicts, err := s.retry(ctx, letters)
	if err != nil {
		return err
	}
	r := s.result(verdicts)
	if s.flags.remove {
		r.Warnings = append(r.Warnings, s.removeHealed(context.WithoutCancel(ctx), verdicts, of)...)
	}
	for _, v := range verdicts {
		fmt.Fprintf(s.app.err, "%-12s  %s %s: %s\n", v.State, v.Letter.Channel, v.Letter.Position, printable(v.Text))
	}
	return s.app.reportOne(r, plan)
}

// retry sends letters while the taps watch.
func (s *sorting) retry(ctx context.Context, letters []*dlq.Letter) (verdicts []dlq.Verdict, err error) {
	// A tap that takes what it reads would take the letters, from here and from where
	// they are sent.
	taking := map[string]bool{}
	for i := range s.flow.Channels {
		taking[s.flow.Channels[i].Name] = s.flow.Channels[i].Intrusive
	}
	drill, err := scenarios.OpenDrill(ctx, scenarios.DrillConfig{
		Untapped: taking, Flow: s.flow, Tappers: s.sys.tappers, Channels: s.sys.channels, Schemas: s.app.registries(), Now: s.app.now, Log: s.app.logger(s.flags.verbose),
	})
	defer func() { err = errors.Join(err, drill.Close()) }()
	if err != nil {
		return nil, err
	}
	trial := dlq.NewRetrial(s.flow, letters)
	send := trial.Sender(s.sys.publishers, s.sys.channels, s.app.now)
	send.Run = newRunID()
	audit := flows.NewAudit(s.flow, flows.AuditConfig{Mode: "dlq", Started: drill.Started(), OwnOnly: true})
	_, stopped, err := drill.Go(ctx, &scenarios.Leg{
		Views: []*scenarios.View{{Audit: audit, Take: trial.Take}}, Send: send.Send, Done: trial.Done, Patience: trial.Patience(),
	})
	if err == nil && stopped != nil {
		fmt.Fprintf(s.app.err, "flowcheck: only %d of %d were sent: %v\n", send.Sent(), len(letters), stopped)
	}
	if err != nil {
		return nil, err
	}
	if err := s.lookAgain(ctx, trial, taking); err != nil {
		return nil, err
	}
	return trial.Verdicts(), nil
}

// lookAgain shows the trial what has come to the queues that are not tapped since
// their letters are held.
func (s *sorting) lookAgain(ctx context.Context, trial *dlq.Retrial, untapped map[string]bool) error {
	for i, p := range s.place {
		if !untapped[s.names[i]] {
			continue
		}
		box, err := dlq.Look(ctx, p, s.flags.most)
		if err != nil {
			return err
		}
		for j := range box.Letters {
			trial.Take(box.Letters[j].Observation)
		}
		if err := box.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

// removeHealed removes what has healed, and tells what it could not.
func (s *sorting) removeHealed(ctx context.Context, verdicts []dlq.Verdict, of map[*dlq.Letter]*dlq.Box) (warnings []string) {
	removed := 0
	for _, v := range verdicts {
		if v.State != dlq.Healed {
			continue
		}
		if err := of[v.Letter].Remove(ctx, v.Letter); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s %s stays: %v", v.Letter.Channel, v.Letter.Position, err))
			continue
		}
		removed++
	}
	fmt.Fprintf(s.app.err, "flowcheck: %s removed\n", count(removed, "dead letter"))
	return warnings
}

// result says it as any report does: each letter is a chain.
func (s *sorting) result(verdicts []dlq.Verdict) *flows.Result {
	r := &flows.Result{
		Flow: s.flow.Name, About: s.flow.About, Mode: "dlq", Timelines: map[string][]flows.Moment{},
		Chains: flows.ChainCounts{Total: len(verdicts), Outcomes: map[string]int{}},
	}
	for _, v := range verdicts {
		name := v.Letter.Channel + " " + v.Letter.Position.String()
		r.Chains.Outcomes[string(v.State)]++
		kind := flows.NotReplayed
		switch v.State {
		case dlq.Healed:
			r.Chains.Pass++
			continue
		case dlq.Silent, dlq.Unsent:
			r.Chains.Unknown++
			r.Unknowns = append(r.Unknowns, flows.Unknown{Chain: name, Reason: v.Text})
			continue
		case dlq.Doubled:
			kind = flows.NotIdempotent
		case dlq.Parked:
		}
		r.Chains.Fail++
		r.Findings = append(r.Findings, flows.Finding{Kind: kind, Chain: name, Text: v.Text, Expected: "healed", Actual: string(v.State), Evidence: v.Seen})
	}
	flows.SortFindings(r.Findings)
	switch {
	case len(r.Findings) > 0:
		r.State = flows.Fail
	case len(r.Unknowns) > 0:
		r.State = flows.NotKnown
	}
	return r
}
