package await

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// failed is a test that keeps what it fails with.
type failed struct {
	testing.TB
	with string
}

func (f *failed) Helper() {}

func (f *failed) Fatalf(format string, args ...any) {
	f.with = fmt.Sprintf(format, args...)
	panic(f)
}

// try runs what may fail.
func try(t *testing.T, run func(testing.TB)) (with string) {
	f := &failed{TB: t}
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
		with = f.with
	}()
	run(f)
	return
}

func TestWhatComesIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		begin := time.Now()
		with := try(t, func(t testing.TB) { True(t, "it comes", func() bool { asked++; return asked == 100 }) })
		if took := time.Since(begin); with != "" || asked != 100 || took > time.Second {
			t.Errorf("%q, asked %d times in %s", with, asked, took)
		}
	})
}

func TestWhatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		with := try(t, func(t testing.TB) { Silence(t, "it is quiet", func() string { return "noise" }) })
		if !strings.Contains(with, "it is quiet: not within 2m0s: noise") || time.Since(begin) != Patience {
			t.Errorf("%q after %s", with, time.Since(begin))
		}
	})
}
