package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/IBM/sarama"
)

// TestAFullDiskKeepsWhatWasWritten records until the file may not grow any more:
// a limit of the process stands for the disk's.
func TestAFullDiskKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skipf("NOT TESTED: a full disk: %v", err)
	}
	for _, name := range []string{"day.jsonl", "day.jsonl.zst"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kafka := embeddedKafka(t, "orders", "payments")
			flow := write(t, "waiting.flow.yaml", fmt.Sprintf(waitingFlow, kafka))
			recording := filepath.Join(t.TempDir(), name)
			// 2000 blocks are 1 MB or 2 MB, as the shell counts.
			p := startCommand(t, "/bin/sh", "-c", `ulimit -f 2000 && exec "$@"`, "sh", "flowcheck", "record", flow, "-o", recording)
			p.await("it records", func() bool { return strings.Contains(p.errs.String(), "recording to") })
			flood(t, p, kafka)
			if code := p.code(); code != exitUnknown {
				t.Errorf("exit code %d: %s", code, &p.errs)
			}
			p.says("^recording to .*\n" + `flowcheck: record: recording: write .*: file too large: .* is kept up to its last whole line, and has no end` + "\n$")
			if info, err := os.Stat(recording); err != nil || info.Size() < 500<<10 {
				t.Errorf("little is left: %v %v", info, err)
			}
			v := start(t, "verify", flow, recording)
			if code := v.code(); code != exitUnknown || !strings.Contains(v.out.String(), "may still come: its channel has not been read past the deadline") {
				t.Errorf("what is left cannot be judged: exit code %d: %s%.1000s", code, &v.errs, v.out.String())
			}
		})
	}
}

// flood sends what cannot be packed until the process ends.
func flood(t testing.TB, p *process, kafka string) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{kafka}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for i := range 1000 {
		noise := make([]byte, 20<<10)
		_, _ = rand.Read(noise)
		m := &sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder(fmt.Sprintf(`{"orderId":"o-%d","noise":"%x"}`, i, noise))}
		if _, _, err := producer.SendMessage(m); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
			return
		default:
		}
	}
}

// TestAFullDiskEndsARun: no verdict without the recording that was asked for.
func TestAFullDiskEndsARun(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	flow := write(t, "waiting.flow.yaml", fmt.Sprintf(waitingFlow, embeddedKafka(t, "orders", "payments")))
	p := start(t, "run", flow, "--record", "/dev/full")
	if code := p.code(); code != exitUnknown {
		t.Errorf("exit code %d: %s", code, &p.errs)
	}
	p.says("^flowcheck: waiting: record: .*/dev/full: no space left on device")
}

// TestAFullDiskEndsAReplay: nothing is sent that could not be noted.
func TestAFullDiskEndsAReplay(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skipf("NOT TESTED: a full disk: %v", err)
	}
	flow := write(t, "waiting.flow.yaml", fmt.Sprintf(waitingFlow, embeddedKafka(t, "orders", "payments")))
	recording := write(t, "day.jsonl", `{"flowcheck":"recording/1","started":"2026-11-22T10:00:00Z"}
{"channel":"orders","time":"2026-11-22T10:00:01Z","position":"0@0","body":{"orderId":"o-1"}}
{"mark":"end","seen":"2026-11-22T10:01:00Z"}
`)
	state := filepath.Join(t.TempDir(), "day.state")
	p := startCommand(t, "/bin/sh", "-c", `ulimit -f 0 && exec "$@"`, "sh", "flowcheck", "replay", flow, recording, "--state", state)
	if code := p.code(); code != exitUnknown {
		t.Errorf("exit code %d: %s", code, &p.errs)
	}
	p.says("^flowcheck: the state file .*/day.state cannot be written: write .*: file too large\n$")
}
