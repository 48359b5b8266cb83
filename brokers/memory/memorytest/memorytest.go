// Package memorytest describes the memory adapter to the conformance suite,
// once for each kind of address that it has, each on a server of its own, which
// is returned, too. The suite's own tests break these subjects on purpose.
package memorytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/brokers/brokertest" //nolint:depguard // for tests only
	"github.com/flowcheck/flowcheck/brokers/memory"     //nolint:depguard // for tests only
)

// face is one kind of address of a server of its own.
type face struct {
	*memory.Server
	names atomic.Int64
}

// maxMessage is the limit of the servers here.
const maxMessage = 256 << 10

// newFace starts a server with a login and a limit.
func newFace() *face {
	return &face{Server: memory.New(memory.Options{
		Name: "suite", Username: "tester", Password: "correct-horse", MaxMessage: maxMessage,
	})}
}

// subject is what all faces have in common.
func (f *face) subject() brokertest.Subject {
	config := brokers.Config{URL: f.URL(), Username: "tester", Password: "correct-horse"}
	nobody, wrong := config, config
	nobody.URL = "memory://nobody"
	wrong.Password = "wrong-horse"
	return brokertest.Subject{
		Adapter: memory.Adapter(f.Server),
		Config:  config, Unreachable: nobody, Refused: wrong,
		Observe: f.observe,
		Pause:   50 * time.Millisecond, // what comes in one process comes at once
	}
}

// name makes a name not used before.
func (f *face) name(stem string) string { return fmt.Sprintf("%s-%d", stem, f.names.Add(1)) }

// observe compares the server's own lists.
func (f *face) observe(t testing.TB) func() {
	before := f.Snapshot()
	return func() {
		t.Helper()
		after := f.Snapshot()
		if !slices.Equal(before, after) {
			t.Fatalf("the system changed, before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
		if all := strings.Join(after, "\n"); strings.Contains(all, "flowcheck-") {
			t.Fatalf("something of flowcheck's is left:\n%s", all)
		}
	}
}

// take is a consumer that gets one message at a time.
type take func(ctx context.Context) ([]byte, error)

// Take receives and acknowledges the next n messages.
func (next take) Take(t testing.TB, n int) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all [][]byte
	for range n {
		payload, err := next(ctx)
		if err != nil {
			t.Fatalf("the system's consumer got %d of %d messages: %v", len(all), n, err)
		}
		all = append(all, payload)
	}
	return all
}

// must fails the test on an error of the server.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
