package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/workload"
)

// BenchmarkDiffMillion compares two recordings of a million messages, with the
// same ids and with other ones: then every message is taken apart.
func BenchmarkDiffMillion(b *testing.B) {
	dir := b.TempDir()
	flow, was := filepath.Join(dir, "workload.flow.yaml"), filepath.Join(dir, "was.jsonl")
	if err := os.WriteFile(flow, []byte(workload.Flow), 0o600); err != nil {
		b.Fatal(err)
	}
	writeMillion(b, was, nil)
	for name, other := range map[string][]byte{"same-ids": nil, "other-ids": []byte("q-")} {
		b.Run(name, func(b *testing.B) {
			now := filepath.Join(dir, "now.jsonl")
			writeMillion(b, now, other)
			var peak int64
			var cpu time.Duration
			b.ResetTimer()
			for b.Loop() {
				p := start(b, "diff", was, now, "--flow", flow)
				if code := p.code(); code != exitPass {
					b.Fatalf("exit code %d: %s%.2000s", code, &p.errs, p.out.String())
				}
				u, _ := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
				peak = max(peak, u.Maxrss)
				cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
			}
			b.ReportMetric(float64(peak)/1000, "MB-peak")
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}

// writeMillion writes the workload; other, if not nil, takes the place of what its
// orders' ids begin with.
func writeMillion(b *testing.B, name string, other []byte) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var w io.Writer = f
	if other != nil {
		w = &renaming{f, other}
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if other != nil {
		w = &wholeLines{to: w}
		out = bufio.NewWriterSize(w, 1<<20)
	}
	if _, err := workload.Write(out, workload.Config{Chains: 250_000, Open: 10_000, FaultRate: 0.0000001, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
}

// renaming gives orders other ids.
type renaming struct {
	w     io.Writer
	other []byte
}

func (r *renaming) Write(p []byte) (int, error) {
	_, err := r.w.Write(bytes.ReplaceAll(p, []byte(`"o-`), append([]byte(`"`), r.other...)))
	return len(p), err
}

// wholeLines hands on whole lines only.
type wholeLines struct {
	to   io.Writer
	rest []byte
}

func (l *wholeLines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	_, err := l.to.Write(l.rest[:end])
	l.rest = append(l.rest[:0], l.rest[end:]...)
	return len(p), err
}
