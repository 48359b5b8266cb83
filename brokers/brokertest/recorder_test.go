package brokertest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// recorder is a testing.TB that keeps what a case says instead of failing.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	failures []string
	cleanups []func()
}

// record runs f as a test of its own, clean-ups included, and returns its
// failures.
func record(t testing.TB, f func(testing.TB)) []string {
	r := &recorder{TB: t}
	r.alone(func() { f(r) })
	for last := r.last(); last != nil; last = r.last() {
		r.alone(last)
	}
	return r.failures
}

// last takes the clean-up that is next.
func (r *recorder) last() func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.cleanups) - 1
	if n < 0 {
		return nil
	}
	f := r.cleanups[n]
	r.cleanups = r.cleanups[:n]
	return f
}

// alone runs f in a goroutine that FailNow may end.
func (r *recorder) alone(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) Helper()  {}
func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprintln(args...)) }
func (r *recorder) Fail()             { r.Errorf("failed") }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.FailNow()
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	r.FailNow()
}

func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Log(...any)          {}

func TestRecorder(t *testing.T) {
	got := record(t, func(t testing.TB) {
		t.Cleanup(func() { t.Errorf("third") })
		t.Cleanup(func() { t.Fatal("second") })
		t.Fatalf("%s", "first")
		t.Errorf("never")
	})
	if want := "first,second\n,third"; strings.Join(got, ",") != want {
		t.Fatalf("got %q", got)
	}
}
