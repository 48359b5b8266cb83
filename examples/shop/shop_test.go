package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/flowcheck/flowcheck/brokers/memory"
)

// rig is a shop on embedded brokers.
type rig struct {
	*Shop
	ctx     context.Context
	cluster *kfake.Cluster
	server  *memory.Server
}

func open(t *testing.T, bug string) *rig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	server := memory.New(memory.Options{Name: "shop"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s, err := Start(ctx, Config{
		Kafka: cluster.ListenAddrs(), Tasks: MemoryTasks(server), Mails: MemoryMails(server), Bug: bug,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{s, ctx, cluster, server}
}

// read hands out what is on a topic of Kafka, from its beginning.
func (r *rig) read(t *testing.T, topic string) <-chan *sarama.ConsumerMessage {
	t.Helper()
	consumer, err := sarama.NewConsumer(r.cluster.ListenAddrs(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = consumer.Close() }) // the test is over
	out := make(chan *sarama.ConsumerMessage)
	for p := range int32(partitions) {
		pc, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pc.AsyncClose)
		go func() {
			for m := range pc.Messages() {
				select {
				case out <- m:
				case <-r.ctx.Done():
				}
			}
		}()
	}
	return out
}

func (r *rig) next(t *testing.T, from <-chan *sarama.ConsumerMessage) *sarama.ConsumerMessage {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-r.ctx.Done():
		t.Fatal("nothing came")
		return nil
	}
}

// customer sends on a connection of its own, as the shop's is closed by a restart.
func (r *rig) customer(t *testing.T) *events {
	t.Helper()
	e, err := openEvents(r.cluster.ListenAddrs(), "", slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.close() }) // the test is over
	return e
}

func placed(id, account string) row {
	return row{to: topicOrders, key: account, body: fmt.Appendf(nil,
		`{"type":"OrderPlaced","orderId":%q,"account":%q,"total":1,"shipTo":"DE","lines":[{"sku":"A","qty":1}]}`, id, account)}
}

func send(t *testing.T, e *events, rows ...row) {
	t.Helper()
	for _, r := range rows {
		if err := e.produce(r); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRestartsLoseAndDoubleNothing restarts the shop while orders come, each of
// them twice.
func TestRestartsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	r := open(t, "")
	customer := r.customer(t)
	const n = 60
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			o := placed(fmt.Sprintf("o-%d", i), fmt.Sprintf("account-%d", i%7))
			for range 2 {
				if err := customer.produce(o); err != nil {
					sent <- err
					return
				}
			}
		}
		sent <- nil
	}()
	letters := r.letters(t)
	payments, last, paid := r.read(t, topicPayments), map[string]int{}, map[string]bool{}
	for i := range n {
		if i%20 == 2 {
			if err := r.Restart(r.ctx); err != nil {
				t.Fatal(err)
			}
		}
		var p payment
		if err := json.Unmarshal(r.next(t, payments).Value, &p); err != nil {
			t.Fatal(err)
		}
		if p.Seq != last[p.Account]+1 {
			t.Errorf("the payment %d of %s after the payment %d", p.Seq, p.Account, last[p.Account])
		}
		if last[p.Account] = p.Seq; paid[p.OrderID] {
			t.Errorf("%s was paid twice", p.OrderID)
		}
		paid[p.OrderID] = true
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	written := map[string]int{}
	for len(written) < n {
		select {
		case id := <-letters:
			if written[id]++; written[id] > 1 {
				t.Errorf("%d letters of %s", written[id], id)
			}
		case <-r.ctx.Done():
			t.Fatalf("%d letters of %d", len(written), n)
		}
	}
}

// letters hands out the orders of the letters.
func (r *rig) letters(t *testing.T) <-chan string {
	t.Helper()
	if err := r.server.CreateSQS("post", memory.SQSOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.server.Subscribe(topicLetters, "post", true); err != nil {
		t.Fatal(err)
	}
	out := make(chan string)
	go func() {
		for {
			m, err := r.server.Receive(r.ctx, "post")
			if err != nil {
				return
			}
			_ = r.server.Delete("post", m.Handle) // its handle is a moment old
			var l letter
			_ = json.Unmarshal(m.Payload, &l) // "" is no order
			select {
			case out <- l.OrderID:
			case <-r.ctx.Done():
			}
		}
	}()
	return out
}

// TestRefusedOnceAndReplayed dead-letters an order of a closed account once, and
// bills it when it comes again after the account was opened.
func TestRefusedOnceAndReplayed(t *testing.T) {
	t.Parallel()
	r := open(t, "")
	customer, refused := r.customer(t), r.read(t, topicRefused)
	o := placed("o-1", closed+"-o-1")
	poison := row{to: topicOrders, key: o.key, body: []byte("{")}
	send(t, customer, o, o, poison)
	m := r.next(t, refused)
	if string(m.Value) != string(o.body) || string(m.Key) != o.key {
		t.Errorf("the copy is %s %s", m.Key, m.Value)
	}
	if m := r.next(t, refused); string(m.Value) != "{" {
		t.Errorf("a second copy: %s", m.Value)
	}
	r.Heal("o-1")
	send(t, customer, o, o, placed("o-2", o.key))
	payments := r.read(t, topicPayments)
	for _, want := range []string{"o-1", "o-2"} {
		var p payment
		if err := json.Unmarshal(r.next(t, payments).Value, &p); err != nil || p.OrderID != want {
			t.Errorf("%s was paid, not %s (%v)", p.OrderID, want, err)
		}
	}
}

func TestReadOrder(t *testing.T) {
	t.Parallel()
	const sound = `{"type":"OrderPlaced","orderId":"o","total":1,"shipTo":null,"lines":[{"sku":"A","qty":1}]}`
	if _, err := readOrder([]byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"orderId":"o",`, ""},
		{`"total":1,`, ""},
		{`"shipTo":null,`, ""},
		{`"o"`, "7"},
		{`"o"`, `""`},
		{`:1,`, `:"1",`},
		{`[{"sku":"A","qty":1}]`, "[]"},
		{"OrderPlaced", "OrderMislaid"},
		{"]}", ""},
	} {
		if body := strings.Replace(sound, change[0], change[1], 1); body == sound {
			t.Errorf("nothing was changed by %q", change)
		} else if _, err := readOrder([]byte(body)); err == nil {
			t.Errorf("was read: %s", body)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	r := open(t, "")
	c, err := ListenControl(r.ctx, "127.0.0.1:0", r.Shop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test is over
	for path, want := range map[string]int{"/restart": 204, "/heal/o-1": 204, "/heal/": 404, "/else": 404} {
		req, err := http.NewRequestWithContext(r.ctx, http.MethodPost, c.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("%s: %s %v", path, resp.Status, err)
		}
	}
	if _, err := ListenControl(r.ctx, "0.0.0.0:0", r.Shop); err == nil || !strings.Contains(err.Error(), "this machine alone") {
		t.Errorf("listening to everybody: %v", err)
	}
}

func TestBugs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, b := range Bugs {
		if seen[b.Name] || b.Kind == "" || b.About == "" {
			t.Errorf("%q is there twice, or says too little", b.Name)
		}
		seen[b.Name] = true
		if _, err := Flows.ReadFile(b.File()); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
	if _, err := Start(t.Context(), Config{Bug: "none-such"}); err == nil {
		t.Error("the shop has a bug that is not in the list")
	}
}
