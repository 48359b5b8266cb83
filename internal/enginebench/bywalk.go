package main

import (
	"bytes"
	"strconv"

	"github.com/flowcheck/flowcheck/message/jsonscan"
)

// byWalk is byHand without its shortcuts: it walks over the JSON of each line,
// once, and is sure of all of it, as a recording's reader has to be.
func byWalk(name string) error {
	chains := newChains()
	return eachLine(name, func(line []byte) error {
		var m walked
		if err := m.line(line); err != nil {
			return err
		}
		if m.channel != nil {
			chains.add(m.sighting())
		}
		return nil
	})
}

// walked is what the flow needs of one line.
type walked struct{ channel, time, kind, id, total, amount []byte }

func (m *walked) sighting() sighting {
	return sighting{
		step: bytes.IndexByte([]byte(channels), m.channel[1]), id: m.id, at: clock(unquoted(m.time)),
		total: float(m.total), amount: float(m.amount), kind: unquoted(m.kind),
	}
}

func (m *walked) line(line []byte) error {
	end, fault := members(line, 0, func(name []byte, value int) (int, jsonscan.Fault) {
		switch string(name) {
		case `"channel"`:
			return take(line, value, &m.channel)
		case `"time"`:
			return take(line, value, &m.time)
		case `"headers"`:
			return m.headers(line, value)
		case `"body"`:
			return m.body(line, value)
		default:
			return jsonscan.Value(line, value, jsonscan.MaxDepth)
		}
	})
	return fault.At(line, end)
}

func (m *walked) body(line []byte, i int) (int, jsonscan.Fault) {
	return members(line, i, func(name []byte, value int) (int, jsonscan.Fault) {
		switch string(name) {
		case `"orderId"`:
			end, fault := take(line, value, &m.id)
			m.id = unquoted(m.id)
			return end, fault
		case `"total"`:
			return take(line, value, &m.total)
		case `"amount"`:
			return take(line, value, &m.amount)
		default:
			return jsonscan.Value(line, value, jsonscan.MaxDepth)
		}
	})
}

// headers looks for the header called type.
func (m *walked) headers(line []byte, i int) (int, jsonscan.Fault) {
	i, more, fault := jsonscan.Open(line, i, jsonscan.MaxDepth)
	for more && fault == jsonscan.OK {
		var name, value []byte
		if i, more, fault = jsonscan.Open(line, i, jsonscan.MaxDepth); !more {
			break
		}
		if i, fault = take(line, i, &name); fault != jsonscan.OK {
			break
		}
		if i, _, fault = jsonscan.Next(line, i, ']'); fault != jsonscan.OK {
			break
		}
		if i, fault = take(line, i, &value); fault != jsonscan.OK {
			break
		}
		if string(name) == `"type"` {
			m.kind = value
		}
		if i, _, fault = jsonscan.Next(line, i, ']'); fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(line, i, ']')
		}
	}
	return i, fault
}

// members calls each for the members of the object at i.
func members(data []byte, i int, each func(name []byte, value int) (int, jsonscan.Fault)) (int, jsonscan.Fault) {
	if i >= len(data) || data[i] != '{' {
		return i, jsonscan.Unexpected
	}
	i, more, fault := jsonscan.Open(data, i, jsonscan.MaxDepth)
	for more && fault == jsonscan.OK {
		end, value, _, bad := jsonscan.Name(data, i)
		if bad != jsonscan.OK {
			return value, bad
		}
		if i, fault = each(data[i:end], value); fault == jsonscan.OK {
			i, more, fault = jsonscan.Next(data, i, '}')
		}
	}
	return i, fault
}

func take(data []byte, i int, to *[]byte) (int, jsonscan.Fault) {
	end, fault := jsonscan.Value(data, i, jsonscan.MaxDepth)
	*to = data[i:end]
	return end, fault
}

func unquoted(s []byte) []byte {
	if len(s) < 2 {
		return nil
	}
	return s[1 : len(s)-1]
}

func float(text []byte) float64 {
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0
	}
	return n
}
