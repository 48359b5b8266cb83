package message

import "time"

// clock reads RFC 3339 times as parseTime does, and knows the minute of the one
// before, which most are of.
type clock struct {
	minute [len("2006-01-02T15:04:")]byte
	start  int64 // of the minute, in seconds since 1970
}

func (c *clock) parse(s []byte) (time.Time, bool) {
	const most = len("2006-01-02T15:04:05.999999999Z")
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > most || s[len(s)-1] != 'Z' {
		return parseTime(s)
	}
	if string(s[:len(c.minute)]) != string(c.minute[:]) {
		t, ok := parseTime(s)
		if ok {
			copy(c.minute[:], s)
			c.start = t.Unix() - int64(t.Second())
		}
		return t, ok
	}
	second := twoDigits(s, len(c.minute))
	nanos, rest, ok := parseFraction(s[19:])
	if !ok || len(rest) != 1 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	return time.Unix(c.start+int64(second), nanos).UTC(), true
}

// parseTime reads an RFC 3339 time as time.Time's UnmarshalText does, several
// times as fast. What is beyond nanoseconds is cut off. The result is in UTC.
func parseTime(s []byte) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' {
		return time.Time{}, false
	}
	day, ok1 := parseDate(s)
	second, ok2 := parseClock(s[11:])
	nanos, rest, ok3 := parseFraction(s[19:])
	offset, ok4 := parseOffset(rest)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return time.Time{}, false
	}
	return time.Unix(day*86400+int64(second-offset), nanos).UTC(), true
}

// parseDate reads "2006-01-02" in days from 1970-01-01.
func parseDate(s []byte) (day int64, ok bool) {
	century, year, month, date := twoDigits(s, 0), twoDigits(s, 2), twoDigits(s, 5), twoDigits(s, 8)
	if century|year|month|date < 0 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	year += century * 100
	if month < 1 || month > 12 || date < 1 || date > daysIn(year, month) {
		return 0, false
	}
	return unixDay(year, month, date), true
}

// parseClock reads "15:04:05" in seconds from midnight.
func parseClock(s []byte) (second int, ok bool) {
	hour, minute, second := twoDigits(s, 0), twoDigits(s, 3), twoDigits(s, 6)
	if hour|minute|second < 0 || s[2] != ':' || s[5] != ':' || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return hour*3600 + minute*60 + second, true
}

// twoDigits is the number in s[i:i+2]; negative where that is none.
func twoDigits(s []byte, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

// parseFraction reads ".123" and returns what stands behind it.
func parseFraction(s []byte) (nanos int64, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	unit := int64(100_000_000)
	i := 1
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		nanos += int64(s[i]-'0') * unit
		unit /= 10
	}
	return nanos, s[i:], i > 1
}

// parseOffset reads "Z" or "+01:30", in seconds east of UTC.
func parseOffset(s []byte) (int, bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) != len("+01:30") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, minutes := twoDigits(s, 1), twoDigits(s, 4)
	if hours < 0 || minutes < 0 || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := hours*3600 + minutes*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// unixDay counts days from 1970-01-01, in years that begin in March so that
// the leap day is the last (Howard Hinnant's days_from_civil).
func unixDay(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	year += 400 // so that the year before 0 divides as the others do
	era, inEra := year/400, year%400
	inYear := (153*(month-3)+2)/5 + day - 1
	return int64(era-1)*146097 + int64(inEra*365+inEra/4-inEra/100+inYear) - 719468
}
