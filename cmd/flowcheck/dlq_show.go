package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowcheck/flowcheck/dlq"
	"github.com/flowcheck/flowcheck/report"
)

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
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return report.Clean(strings.NewReplacer("\n", " ", "\t", " ").Replace(text))
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
