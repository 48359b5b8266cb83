package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// benchLines is a recording with lines of about 460 bytes: an order of three
// ids with a trace header, as the shop's traffic has it.
func benchLines(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"flowcheck":"recording/1","flow":"bench","started":"2026-11-22T10:00:00Z"}` + "\n")
	for i := range n {
		fmt.Fprintf(&b, `{"channel":"orders","time":"2026-11-22T10:%02d:%02d.%03dZ","seen":"2026-11-22T10:%02d:%02d.%03dZ","position":"%d@%d","key":"o-%d",`+
			`"headers":[["traceparent","00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]],`+
			`"body":{"type":"OrderPlaced","orderId":"o-%d","account":"acc-%d","seq":%d,"total":%d.5,"currency":"EUR","lines":[{"sku":"A1-BLUE","qty":2},{"sku":"B7-RED","qty":1}],"note":"leave it at the door of the neighbours, please; they are at home most days"}}`+"\n",
			i/60000%60, i/1000%60, i%1000, i/60000%60, i/1000%60, i%1000, i%8, i/8, i, i, i%1000, i, i%500)
	}
	return b.Bytes()
}

func BenchmarkReader(b *testing.B) {
	const lines = 10_000
	data := benchLines(lines)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != lines {
			b.Fatalf("%d lines", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
	b.ReportMetric(float64(len(data))/lines, "B/line")
}

// BenchmarkReadAndSplit is the least that any reader does: it finds the lines.
func BenchmarkReadAndSplit(b *testing.B) {
	const lines = 10_000
	data := benchLines(lines)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := bufio.NewScanner(bytes.NewReader(data))
		s.Buffer(make([]byte, readSize), readSize)
		for s.Scan() {
		}
		if s.Err() != nil {
			b.Fatal(s.Err())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
}

func BenchmarkWriter(b *testing.B) {
	_, events, err := readAll(bytes.NewReader(benchLines(1)))
	if err != nil {
		b.Fatal(err)
	}
	w := NewWriter(io.Discard, RecordingHeader{})
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(events[0]); err != nil {
			b.Fatal(err)
		}
	}
}
