package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/internal/campaign"
	"github.com/flowcheck/flowcheck/internal/pause"
)

// sentinels are chains at the end of a backlog that are told of.
const sentinels = 64

// bench measures how long n workers take to forward and judge a backlog: from their
// start until the last of its chains has been told of.
func bench(ctx context.Context, o options, n int) error {
	dir, err := os.MkdirTemp("", "workerbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := newLoad(o)
	if err != nil {
		return err
	}
	defer l.close()
	flow := filepath.Join(dir, "campaign.flow.yaml")
	// The rules with keys of their own have each message forwarded a second time.
	text, _, _ := strings.Cut(l.flow(), "rules:")
	text = strings.ReplaceAll(text, ", within: 2s", "") + "rules:\n"
	for _, channel := range []string{"orders", "payments", "shipments", "mails"} {
		text += fmt.Sprintf("  - never: { name: %s, channel: %s, when: body.amount < 0 }\n", channel, channel)
	}
	if err := os.WriteFile(flow, []byte(text), 0o600); err != nil {
		return err
	}
	t := &team{o: o, dir: dir, flow: flow, group: fmt.Sprintf("bench-%d", l.run)}
	defer t.killAll()
	if err := t.join(); err != nil { // so that the group has a place to go on at
		return err
	}
	if err := t.all[0].armed(ctx); err != nil {
		return err
	}
	if err := pause.For(ctx, 3*time.Second); err != nil {
		return err
	}
	if err := t.all[0].leave(); err != nil {
		return err
	}
	if err := l.backlog(o.bench / 4); err != nil {
		return err
	}
	began := time.Now()
	for range n {
		if err := t.join(); err != nil {
			return err
		}
	}
	err = campaign.Wait(ctx, t.isThrough)
	took := time.Since(began)
	cpu, leaveErr := t.spent()
	if err == nil {
		err = leaveErr
	}
	fmt.Printf("%d workers: %d messages in %.1f s, %.0f a second; %.1f s of CPU, %.0f a second of it\n",
		n, l.messages, took.Seconds(), float64(l.messages)/took.Seconds(), cpu.Seconds(), float64(l.messages)/cpu.Seconds())
	return err
}

// isThrough reports whether the last chains of each topic have been told of.
func (t *team) isThrough() (bool, error) {
	told, err := read(t.all...)
	if err != nil {
		return false, err
	}
	found := 0
	for _, text := range told.stands {
		if strings.HasPrefix(text, "forbidden") {
			found++
		}
	}
	return found >= 4*sentinels, nil
}

// spent has the workers leave and adds up the time that they had of the processors.
func (t *team) spent() (cpu time.Duration, err error) {
	for _, p := range t.all {
		process := p.cmd
		if process == nil {
			continue
		}
		if err := p.leave(); err != nil {
			return cpu, err
		}
		cpu += process.ProcessState.UserTime() + process.ProcessState.SystemTime()
	}
	return cpu, nil
}

// backlog sends whole chains, and at the end some that are wrong.
func (l *load) backlog(chains int) error {
	for first := 0; first < chains; first += 2000 {
		var batch []item
		for step := range 4 {
			for n := first; n < min(first+2000, chains); n++ {
				batch = append(batch, l.step(step, n, 1+n%900))
			}
		}
		if err := l.put(batch); err != nil {
			return err
		}
	}
	var batch []item
	for step := range 4 {
		for n := chains; n < chains+sentinels; n++ {
			batch = append(batch, l.step(step, n, -1))
		}
	}
	return l.put(batch)
}

// step is a message of a chain.
func (l *load) step(step, chain, amount int) item {
	id := fmt.Sprintf("o-%d", chain)
	body := fmt.Sprintf(`{"order":%q,"payment":"p-%s","amount":%d,"seq":%d,"customer":{"name":"Somebody","city":"Somewhere"},"note":%q}`, id, id, amount, chain, strings.Repeat("x", 150))
	return item{step, id, body}
}
