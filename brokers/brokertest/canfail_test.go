package brokertest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flowcheck/flowcheck/brokers/brokertest"
	"github.com/flowcheck/flowcheck/brokers/memory"
	"github.com/flowcheck/flowcheck/brokers/memory/memorytest"
)

// flaw is one way to be a bad adapter, and what its case must say of it.
type flaw struct {
	name  string
	face  func() (brokertest.Subject, *memory.Server) // nil is memorytest.Topic
	spoil func(s *brokertest.Subject, w works)
	want  string
}

// works is what a flaw may need beside the subject.
type works struct {
	server *memory.Server
	// release is closed when the case is over: what hangs on purpose ends then.
	release <-chan struct{}
}

// flaws are all flaws, by the case that must find them.
func flaws() map[string][]flaw {
	all := map[string][]flaw{}
	for _, some := range []map[string][]flaw{
		channelFlaws, publishFlaws, armingFlaws, bodyFlaws, keyFlaws, headerFlaws, orderFlaws, timeFlaws,
		neighbourFlaws, startFlaws, catchUpFlaws, closeFlaws, errorFlaws, askFlaws,
	} {
		for name, list := range some {
			all[name] = append(all[name], list...)
		}
	}
	return all
}

// run runs a case against a subject in a bubble, where patience costs no time.
func (f flaw) run(t *testing.T, name string) (failures []string) {
	synctest.Test(t, func(t *testing.T) {
		face := f.face
		if face == nil {
			face = memorytest.Topic
		}
		s, server := face()
		release := make(chan struct{})
		if f.spoil != nil {
			f.spoil(&s, works{server, release})
		}
		failures = record(t, func(t testing.TB) {
			t.Cleanup(func() { close(release) }) // last
			brokertest.RunCase(t, name, s)
		})
	})
	return failures
}

// TestEveryCaseCanFail: each case finds each of its flaws, and no case is
// without one.
func TestEveryCaseCanFail(t *testing.T) {
	all := flaws()
	for _, name := range brokertest.CaseNames() {
		t.Run(name, func(t *testing.T) {
			if len(all[name]) == 0 {
				t.Fatalf("no flaw proves that this case can fail")
			}
			for _, f := range all[name] {
				t.Run(f.name, func(t *testing.T) {
					failures := f.run(t, name)
					if len(failures) == 0 {
						t.Fatalf("the case does not find it")
					}
					if !strings.Contains(failures[0], f.want) {
						t.Fatalf("the case fails with %q, not with %q", failures[0], f.want)
					}
				})
			}
		})
		delete(all, name)
	}
	for name := range all {
		t.Errorf("flaws for %q, which is no case", name)
	}
}

// TestWrapperIsWhole: without a flaw the wrapper passes every case, so that what
// the cases find is the flaw.
func TestWrapperIsWhole(t *testing.T) {
	for face, make := range map[string]func() (brokertest.Subject, *memory.Server){
		"topic": memorytest.Topic, "exchange": memorytest.Exchange, "queue": memorytest.Queue,
		"SNS": memorytest.SNS, "SQS": memorytest.SQS,
	} {
		for _, name := range brokertest.CaseNames() {
			subject, _ := make()
			if subject.Unserved[name] != "" {
				continue
			}
			t.Run(face+"/"+name, func(t *testing.T) {
				whole := flaw{face: make, spoil: func(s *brokertest.Subject, _ works) { breakIt(s, faults{}) }}
				if failures := whole.run(t, name); len(failures) > 0 {
					t.Fatalf("the whole wrapper fails: %q", failures)
				}
			})
		}
	}
}
