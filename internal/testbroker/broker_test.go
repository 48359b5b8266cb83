package testbroker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKafkaComesBackAfterACrash(t *testing.T) {
	t.Parallel()
	b := OwnKafka(t)
	onlyLoopback(t, b.Pid())
	crashAndRestart(t, b, func() error { return connects(t.Context(), b.URL) })
}

func TestRabbitMQKeepsADurableQueueThroughACrashAndEndsWhole(t *testing.T) {
	t.Parallel()
	b := OwnRabbitMQ(t)
	onlyLoopback(t, b.Pid())
	if !strings.HasPrefix(b.URL, "amqp://guest:guest@127.0.0.1:") {
		t.Errorf("URL %s", b.URL)
	}
	if err := connects(t.Context(), b.Stream); err != nil {
		t.Errorf("stream port: %v", err)
	}
	queue := b.Management + "/api/queues/%2F/kept"
	call(t, http.MethodPut, queue, "application/json", `{"durable":true}`)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := b.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	crashAndRestart(t, b, func() error { return answers(t.Context(), queue) })

	mapper := b.helpers[0].pid()
	if err := syscall.Kill(mapper, 0); err != nil {
		t.Fatalf("port mapper %d: %v", mapper, err)
	}
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(mapper, 0); err == nil {
		t.Errorf("port mapper %d still runs", mapper)
	}
}

func TestATransactionWithoutItsDecisionIsNotSettled(t *testing.T) {
	// As RabbitMQ 3.10 writes them, shortened.
	transaction := "\x00bWLA\x83h\x08d\x00\x06commith\x05d\x00\x08decisionh\x03d\x00\x03tidaFXnode\x00\x01d\x00\x0dpresume_abort…kept…kept…"
	other := "bWLA\x83h\x05d\x00\x08decisionh\x03d\x00\x03tidaGXnode\x00\x01d\x00\x09committedjj"
	decision := "bWLA\x83h\x05d\x00\x08decisionh\x03d\x00\x03tidaFXnode\x00\x01d\x00\x09committedjj"
	for log, want := range map[string]bool{
		"":                               false,
		"kept":                           false,
		decision:                         false,
		transaction:                      false,
		transaction + other:              false,
		transaction + decision[:20]:      false,
		decision + transaction:           false,
		transaction + decision:           true,
		transaction + other + decision:   true,
		"presume_abort" + decision:       false,
		other + transaction + "presume_": false,
	} {
		if got := decided([]byte(log), "kept"); got != want {
			t.Errorf("%q: %v", log, got)
		}
	}
}

func TestMinistackServesSNSAndSQS(t *testing.T) {
	t.Parallel()
	b := OwnMinistack(t)
	onlyLoopback(t, b.Pid())
	for _, action := range []string{"ListTopics", "ListQueues"} {
		body := call(t, http.MethodPost, b.URL, "application/x-www-form-urlencoded", url.Values{"Action": {action}}.Encode())
		if !strings.Contains(body, action+"Result") {
			t.Errorf("%s is answered by %s", action, body)
		}
	}
}

func TestElasticMQServesSQS(t *testing.T) {
	t.Parallel()
	b := OwnElasticMQ(t)
	onlyLoopback(t, b.Pid())
	body := call(t, http.MethodPost, b.URL, "application/x-www-form-urlencoded",
		url.Values{"Action": {"CreateQueue"}, "QueueName": {"q"}}.Encode())
	if !strings.Contains(body, "/q</QueueUrl>") {
		t.Errorf("CreateQueue is answered by %s", body)
	}
}

// crashAndRestart kills the broker, sees that it does not answer, restarts it and sees that it does.
func crashAndRestart(t *testing.T, b *Broker, healthy func() error) {
	t.Helper()
	if err := healthy(); err != nil {
		t.Fatalf("before the crash: %v", err)
	}
	before := b.Pid()
	if err := b.Kill(); err != nil {
		t.Fatal(err)
	}
	if b.Pid() != 0 || syscall.Kill(before, 0) == nil {
		t.Fatalf("process %d survived", before)
	}
	if status := b.server.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %s", b.server.cmd.ProcessState)
	}
	if healthy() == nil {
		t.Fatal("it answers after it was killed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := b.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := healthy(); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if b.Pid() == 0 || b.Pid() == before {
		t.Errorf("process %d after the restart, %d before", b.Pid(), before)
	}
}

// call makes a request and returns the answer's body.
func call(t *testing.T, method, target, contentType, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v\n%s", method, target, res.Status, err, answer)
	}
	return string(answer)
}

func TestABrokerThatDoesNotStartSaysItsLastWords(t *testing.T) {
	p := &process{path: "ls", args: []string{"/no such file"}, log: filepath.Join(t.TempDir(), "log"), ready: never}
	b := &Broker{Name: "ls", server: p}
	err := b.start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "start ls: it ended at once (exit status 2)") ||
		!strings.Contains(err.Error(), "no such file") {
		t.Errorf("start: %v", err)
	}
}

func TestABrokerThatDoesNotAnswerIsEnded(t *testing.T) {
	p := &process{path: "sleep", args: []string{"60"}, log: filepath.Join(t.TempDir(), "log"), ready: never}
	b := &Broker{Name: "sleep", server: p}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.start(ctx); err == nil || !strings.Contains(err.Error(), "never ready") {
		t.Errorf("start: %v", err)
	}
	if b.Pid() != 0 {
		t.Errorf("process %d was left running", b.Pid())
	}
}

func TestAProcessThatIgnoresTermIsKilled(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	p := &process{
		path: "sh", args: []string{"-c", "trap '' TERM; touch " + mark + "; sleep 60; sleep 60"},
		log:   filepath.Join(t.TempDir(), "log"),
		ready: func(context.Context) error { _, err := os.Stat(mark); return err },
	}
	if err := p.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.stop(100 * time.Millisecond); err != nil {
		t.Error(err)
	}
	if !p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("it ended with %s", p.cmd.ProcessState)
	}
}

func never(context.Context) error { return fmt.Errorf("never ready") }
