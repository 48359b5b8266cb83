// Package workload makes the recording that the engine is measured with: chains
// of four steps, many of them open at once, with a few faults of each kind.
package workload

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Config of a workload. All fields are required.
type Config struct {
	// Chains is how many chains there are, Open how many are open at once.
	Chains, Open int
	// FaultRate is the share of chains with each of the faults.
	FaultRate float64
	Seed      uint64
}

// Faults counts the chains with each fault that a recording was given.
type Faults struct{ Dropped, Duplicated, Swapped, Late int }

// Flow is the flow file of the workload: one check of two terms.
const Flow = `flowcheck: 1
flow: workload
brokers: { k: "kafka://localhost:9092" }
channels:
  orders:    { broker: k, topic: orders }
  payments:  { broker: k, topic: payments }
  shipments: { broker: k, topic: shipments }
  mails:     { broker: k, topic: mails }
correlate:
  order: body.orderId
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 60s, check: 'body.amount == placed.body.total and headers["type"] == "paid"' }
  shipped: { channel: shipments, after: paid, within: 60s }
  mailed:  { channel: mails, after: shipped, within: 60s }
`

// FlowWithMore has checks on three steps and one keyed rule.
const FlowWithMore = `flowcheck: 1
flow: workload
brokers: { k: "kafka://localhost:9092" }
channels:
  orders:    { broker: k, topic: orders }
  payments:  { broker: k, topic: payments }
  shipments: { broker: k, topic: shipments }
  mails:     { broker: k, topic: mails }
correlate:
  order: body.orderId
steps:
  placed:  { channel: orders }
  paid:    { channel: payments, after: placed, within: 60s, check: 'body.amount == placed.body.total and headers["type"] == "paid"' }
  shipped: { channel: shipments, after: paid, within: 60s, check: 'body.amount == paid.body.amount and body.currency == "EUR"' }
  mailed:  { channel: mails, after: shipped, within: 60s, check: 'body.customer == placed.body.customer and headers["type"] == "mailed"' }
rules:
  - unique: { channel: payments, id: body.paymentId }
`

// steps of a chain: the channel and the type header of each.
var steps = [4]struct{ channel, kind string }{
	{"orders", "placed"}, {"payments", "paid"}, {"shipments", "shipped"}, {"mails", "mailed"},
}

// began is when the first chain begins.
var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const (
	maxTick = time.Millisecond // between the beginnings of two chains
	apart   = 20 * time.Second // of two steps, at most: even two of them are within the flow's minute
	lateBy  = 2 * time.Minute
	pad     = "a note that makes the message as long as messages are, for nobody to read, and then a little longer"
)

// fault is what is wrong with a chain.
type fault uint8

const (
	sound fault = iota
	dropped
	duplicated
	swapped
	late
)

// generator writes one recording.
type generator struct {
	cfg     Config
	tick    time.Duration
	w       *bufio.Writer
	faults  []fault
	offsets [4]int64
	line    []byte
}

// Write writes the recording and says which faults it has.
func Write(w io.Writer, cfg Config) (Faults, error) {
	g := &generator{cfg: cfg, w: bufio.NewWriterSize(w, 1<<20), faults: make([]fault, cfg.Chains)}
	count := g.choose()
	fmt.Fprintf(g.w, `{"flowcheck":"recording/1","flow":"workload","started":%q}`+"\n", began.Format(time.RFC3339Nano))
	lag := max(1, cfg.Open/3)
	g.tick = min(maxTick, apart/time.Duration(lag))
	var delayed []int
	for i := range cfg.Chains + 3*lag {
		for step := range steps {
			if chain := i - step*lag; chain >= 0 && chain < cfg.Chains {
				delayed = g.chain(i, chain, step, delayed)
			}
		}
	}
	end := cfg.Chains + 3*lag + int(lateBy/g.tick)
	for _, chain := range delayed {
		g.message(end, chain, 3)
	}
	fmt.Fprintf(g.w, `{"mark":"end","seen":%q}`+"\n", began.Add(time.Duration(end)*g.tick+10*time.Minute).Format(time.RFC3339Nano))
	return count, g.w.Flush()
}

func (g *generator) choose() Faults {
	rng := rand.New(rand.NewPCG(g.cfg.Seed, 1))
	var n Faults
	for i := range g.faults {
		switch f := rng.Float64() / g.cfg.FaultRate; {
		case f < 1:
			g.faults[i] = dropped
			n.Dropped++
		case f < 2:
			g.faults[i] = duplicated
			n.Duplicated++
		case f < 3:
			g.faults[i] = swapped
			n.Swapped++
		case f < 4:
			g.faults[i] = late
			n.Late++
		}
	}
	return n
}

// chain writes the step of a chain that is due at tick i, as its fault has it.
func (g *generator) chain(i, chain, step int, delayed []int) []int {
	switch f := g.faults[chain]; {
	case f == dropped && step == 2:
		return delayed
	case f == late && step == 3:
		return append(delayed, chain)
	case f == swapped && step == 1:
		g.message(i, chain, 2)
		return delayed
	case f == swapped && step == 2:
		g.message(i, chain, 1)
		return delayed
	case f == duplicated && step == 1:
		g.message(i, chain, step)
	}
	g.message(i, chain, step)
	return delayed
}

// message writes one line of some 460 bytes.
func (g *generator) message(i, chain, step int) {
	at := began.Add(time.Duration(i) * g.tick)
	b := g.line[:0]
	b = append(b, `{"channel":"`...)
	b = append(b, steps[step].channel...)
	b = append(b, `","time":"`...)
	b = at.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","seen":"`...)
	b = at.Add(3*time.Millisecond).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = fmt.Appendf(b, `","position":"0@%d","key":"o-%d","headers":[["traceparent","00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],["type","%s"]],`,
		g.offsets[step], chain, steps[step].kind)
	g.offsets[step]++
	amount := 10 + chain%990
	b = fmt.Appendf(b, `"body":{"orderId":"o-%d","customer":"c-%d","%s":%d.5,"currency":"EUR","paymentId":"p-%d-%d","lines":[{"sku":"A1","qty":2}],"note":%q}}`,
		chain, chain%5000, [4]string{"total", "amount", "amount", "fee"}[step], amount, chain, step, pad[:min(len(pad), 60+chain%40)])
	b = append(b, '\n')
	g.line = b
	g.w.Write(b) //nolint:errcheck // told by Flush
}
