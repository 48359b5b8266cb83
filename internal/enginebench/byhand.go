package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
)

// channels are the first letters of the workload's channels, in the order of
// the steps.
const channels = "opsm"

// byHand is what one would write for this one flow alone: it looks for the few
// fields by their names, trusts the JSON, and ties with a map.
func byHand(name string) error {
	chains := newChains()
	return eachLine(name, func(line []byte) error {
		step := bytes.IndexByte([]byte(channels), after(line, `"channel":"`)[0])
		if step < 0 {
			return nil // the header, or a mark
		}
		body := after(line, `"body":{`)
		s := sighting{step: step, id: text(body, `"orderId":"`), at: clock(text(line, `"time":"`))}
		switch step {
		case 0:
			s.total = number(body, `"total":`)
		case 1:
			s.amount, s.kind = number(body, `"amount":`), text(line, `["type","`)
		}
		chains.add(s)
		return nil
	})
}

// sighting is what the hand-written programs take from a line.
type sighting struct {
	step          int
	id, kind      []byte
	at            int64 // milliseconds
	total, amount float64
}

// chains ties what the hand-written programs see, and forgets a chain that has
// all its steps in time.
type chains struct {
	open  map[string]*chain
	wrong int
}

type chain struct {
	seen  [4]uint8
	total float64
	times [4]int64
}

func newChains() *chains { return &chains{open: map[string]*chain{}} }

func (all *chains) add(s sighting) {
	c := all.open[string(s.id)]
	if c == nil {
		c = &chain{}
		all.open[string(s.id)] = c
	}
	c.seen[s.step]++
	c.times[s.step] = s.at
	switch s.step {
	case 0:
		c.total = s.total
	case 1:
		if s.amount != c.total || string(s.kind) != "paid" {
			all.wrong++
		}
	case 3:
		if c.seen == [4]uint8{1, 1, 1, 1} && c.times[1] < c.times[2] && c.times[3]-c.times[2] < 60_000 {
			delete(all.open, string(s.id))
		}
	}
}

func eachLine(name string, take func(line []byte) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 1<<20), 1<<24)
	for s.Scan() {
		if err := take(s.Bytes()); err != nil {
			return err
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
