package expression

import (
	"strconv"
	"strings"
	"time"

	"github.com/flowcheck/flowcheck/payload"
)

var timeFunctions = map[string]*function{
	"duration": {one: toDuration},
	"date":     {one: date, two: dateLayout, three: dateZone},
}

// toDuration reads a duration as Go writes it, with days besides: 3d, 1d12h.
func toDuration(_ *Frame, v payload.Value) payload.Value {
	if v.Kind() == payload.Duration {
		return v
	}
	if v.Kind() != payload.String {
		return payload.Value{}
	}
	text, days := v.Text(), int64(0)
	if before, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return payload.Value{}
		}
		text, days = rest, int64(n)
		if text == "" {
			text = "0s"
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || days > 0 && d < 0 {
		return payload.Value{}
	}
	return durationOf(payload.Add(nanoseconds(payload.OfDuration(d)), payload.OfInt(days*int64(24*time.Hour))))
}

// layouts are those that date tries.
var layouts = []string{
	time.DateOnly, time.TimeOnly, time.DateTime, time.RFC3339, time.RFC822, time.RFC850, time.RFC1123,
}

func date(_ *Frame, v payload.Value) payload.Value {
	if v.Kind() == payload.Time {
		return v
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, v.Text()); err == nil {
			return payload.OfTime(t)
		}
	}
	return payload.Value{}
}

func dateLayout(_ *Frame, v, layout payload.Value) payload.Value {
	return dateIn(v, layout, time.UTC)
}

// dateZone reads a date of a named zone.
func dateZone(_ *Frame, v, layout, zone payload.Value) payload.Value {
	name := zone.Text()
	if name == "" || name == "Local" {
		return payload.Value{}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return payload.Value{}
	}
	return dateIn(v, layout, loc)
}

func dateIn(v, layout payload.Value, loc *time.Location) payload.Value {
	if v.Kind() != payload.String || layout.Kind() != payload.String {
		return payload.Value{}
	}
	t, err := time.ParseInLocation(layout.Text(), v.Text(), loc)
	if err != nil {
		return payload.Value{}
	}
	return payload.OfTime(t)
}

// timeMethod is what may be called on a time or a duration. The one that it is
// not for is nil.
type timeMethod struct {
	params   int
	time     func(t time.Time, args []payload.Value) payload.Value
	duration func(d time.Duration, args []payload.Value) payload.Value
}

var methods = map[string]timeMethod{
	"Year":         {time: part(time.Time.Year)},
	"Month":        {time: part(func(t time.Time) int { return int(t.Month()) })},
	"Day":          {time: part(time.Time.Day)},
	"Hour":         {time: part(time.Time.Hour)},
	"Minute":       {time: part(time.Time.Minute)},
	"Second":       {time: part(time.Time.Second)},
	"Nanosecond":   {time: part(time.Time.Nanosecond)},
	"Weekday":      {time: part(func(t time.Time) int { return int(t.Weekday()) })},
	"YearDay":      {time: part(time.Time.YearDay)},
	"Unix":         {time: part(time.Time.Unix)},
	"UnixMilli":    {time: part(time.Time.UnixMilli)},
	"UnixMicro":    {time: part(time.Time.UnixMicro)},
	"UnixNano":     {time: part(time.Time.UnixNano)},
	"UTC":          {time: func(t time.Time, _ []payload.Value) payload.Value { return payload.OfTime(t.UTC()) }},
	"Format":       {params: 1, time: format},
	"Hours":        {duration: fraction(time.Duration.Hours)},
	"Minutes":      {duration: fraction(time.Duration.Minutes)},
	"Seconds":      {duration: fraction(time.Duration.Seconds)},
	"Milliseconds": {duration: count(time.Duration.Milliseconds)},
	"Microseconds": {duration: count(time.Duration.Microseconds)},
	"Nanoseconds":  {duration: count(time.Duration.Nanoseconds)},
	"String":       {time: timeText, duration: durationText},
	"Truncate":     {params: 1, time: truncateTime, duration: truncateDuration},
}

func part[N int | int64](fn func(time.Time) N) func(time.Time, []payload.Value) payload.Value {
	return func(t time.Time, _ []payload.Value) payload.Value { return payload.OfInt(int64(fn(t))) }
}

func fraction(fn func(time.Duration) float64) func(time.Duration, []payload.Value) payload.Value {
	return func(d time.Duration, _ []payload.Value) payload.Value { return payload.OfFloat(fn(d)) }
}

func count(fn func(time.Duration) int64) func(time.Duration, []payload.Value) payload.Value {
	return func(d time.Duration, _ []payload.Value) payload.Value { return payload.OfInt(fn(d)) }
}

func format(t time.Time, args []payload.Value) payload.Value {
	if args[0].Kind() != payload.String {
		return payload.Value{}
	}
	return payload.OfString(t.Format(args[0].Text()))
}

func timeText(t time.Time, _ []payload.Value) payload.Value {
	return payload.OfString(payload.Plain(payload.OfTime(t)))
}

func durationText(d time.Duration, _ []payload.Value) payload.Value {
	return payload.OfString(d.String())
}

func truncateTime(t time.Time, args []payload.Value) payload.Value {
	if args[0].Kind() != payload.Duration {
		return payload.Value{}
	}
	return payload.OfTime(t.Truncate(args[0].Duration()))
}

func truncateDuration(d time.Duration, args []payload.Value) payload.Value {
	if args[0].Kind() != payload.Duration {
		return payload.Value{}
	}
	return payload.OfDuration(d.Truncate(args[0].Duration()))
}

func (c *compiler) method(n *method) func(*Frame) payload.Value {
	m, of, args := methods[n.name], c.value(n.of), c.values(n.args)
	return func(f *Frame) payload.Value {
		v := of(f)
		given := make([]payload.Value, len(args))
		for i, arg := range args {
			given[i] = arg(f)
		}
		switch {
		case v.Kind() == payload.Time && m.time != nil:
			return m.time(v.Time(), given)
		case v.Kind() == payload.Duration && m.duration != nil:
			return m.duration(v.Duration(), given)
		}
		return payload.Value{}
	}
}
