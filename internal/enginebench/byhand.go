package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
)

// byHand is what one would write for this one flow alone: it looks for the few
// fields by their names, trusts the JSON, and ties with a map.
func byHand(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(bufio.NewReaderSize(f, 1<<20))
	s.Buffer(make([]byte, 1<<20), 1<<24)
	type chain struct {
		seen  [4]uint8
		total float64
		times [4]int64
	}
	open := map[string]*chain{}
	wrong := 0
	for s.Scan() {
		line := s.Bytes()
		step := bytes.IndexByte([]byte("opsm"), after(line, `"channel":"`)[0])
		if step < 0 {
			continue // the header, or a mark
		}
		body := after(line, `"body":{`)
		id := text(body, `"orderId":"`)
		at := text(line, `"time":"`)
		c := open[string(id)]
		if c == nil {
			c = &chain{}
			open[string(id)] = c
		}
		c.seen[step]++
		c.times[step] = clock(at)
		switch step {
		case 0:
			c.total = number(body, `"total":`)
		case 1:
			if number(body, `"amount":`) != c.total || !bytes.Equal(text(line, `["type","`), []byte("paid")) {
				wrong++
			}
		case 3:
			if c.seen == [4]uint8{1, 1, 1, 1} && c.times[1] < c.times[2] && c.times[3]-c.times[2] < 60_000 {
				delete(open, string(id))
			}
		}
	}
	return s.Err()
}

func after(line []byte, mark string) []byte {
	i := bytes.Index(line, []byte(mark))
	if i < 0 {
		return []byte{0}
	}
	return line[i+len(mark):]
}

func text(line []byte, mark string) []byte {
	rest := after(line, mark)
	if i := bytes.IndexByte(rest, '"'); i >= 0 {
		return rest[:i]
	}
	return nil
}

func number(line []byte, mark string) float64 {
	rest := after(line, mark)
	i := bytes.IndexAny(rest, ",}")
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseFloat(string(rest[:i]), 64)
	if err != nil {
		return 0
	}
	return n
}

// clock is the milliseconds of an RFC 3339 time within its hour.
func clock(t []byte) int64 {
	if len(t) < 23 {
		return 0
	}
	two := func(i int) int64 { return int64(t[i]-'0')*10 + int64(t[i+1]-'0') }
	return two(14)*60_000 + two(17)*1000 + int64(t[20]-'0')*100 + two(21)
}
