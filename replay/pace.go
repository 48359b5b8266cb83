package replay

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Pace is how fast triggers are sent. The zero value is as fast as can be.
type Pace struct {
	// Factor is how many times faster than recorded; 0 is no matter.
	Factor float64
	// PerSecond bounds the rate; 0 is no bound.
	PerSecond float64
}

// ParsePace reads as-recorded, 2x, 100/s or unlimited.
func ParsePace(text string) (Pace, error) {
	wrong := fmt.Errorf("%q is no rate: it is as-recorded, a factor such as 2x, a number a second such as 100/s, or unlimited", text)
	number := func(s string) (float64, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n <= 0 || math.IsInf(n, 0) || math.IsNaN(n) {
			return 0, wrong
		}
		return n, nil
	}
	var p Pace
	var err error
	switch factor, isFactor := strings.CutSuffix(text, "x"); {
	case text == "unlimited":
	case text == "as-recorded":
		p.Factor = 1
	case isFactor:
		p.Factor, err = number(factor)
	case strings.HasSuffix(text, "/s"):
		p.PerSecond, err = number(strings.TrimSuffix(text, "/s"))
	default:
		err = wrong
	}
	return p, err
}

// due is how long after the beginning a message is sent: the n-th, from 0, that
// was recorded so long after the first.
func (p Pace) due(n int, recorded time.Duration) time.Duration {
	switch {
	case p.Factor > 0:
		return time.Duration(float64(recorded) / p.Factor)
	case p.PerSecond > 0:
		return time.Duration(float64(n) / p.PerSecond * float64(time.Second))
	default:
		return 0
	}
}

// Takes is how long the plan takes at this pace; 0 where nothing bounds it.
func (p Pace) Takes(plan *Plan) time.Duration { return p.due(len(plan.Shipments), plan.Length()) }

// String says it for people.
func (p Pace) String() string {
	switch {
	case p.Factor == 1:
		return "as recorded"
	case p.Factor > 0:
		return fmt.Sprintf("%g times as fast as recorded", p.Factor)
	case p.PerSecond > 0:
		return fmt.Sprintf("%g a second", p.PerSecond)
	default:
		return "as fast as can be"
	}
}

// clock waits for the times at which messages are due.
type clock struct {
	now   func() time.Time
	began time.Time
	timer *time.Timer
}

func newClock(now func() time.Time) *clock {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &clock{now: now, began: now(), timer: t}
}

// until waits until so long after the beginning.
func (c *clock) until(ctx context.Context, due time.Duration) error {
	wait := c.began.Add(due).Sub(c.now())
	if due == 0 || wait <= 0 {
		return ctx.Err()
	}
	c.timer.Reset(wait)
	select {
	case <-c.timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
