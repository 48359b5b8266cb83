package flows_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/internal/workload"
	"github.com/flowcheck/flowcheck/message"
)

// BenchmarkAudit judges a recording of 5 000 chains of four messages, reading
// included: on the goroutine alone, and by way of batches.
func BenchmarkAudit(b *testing.B) {
	flow, errs := flows.Load("workload.yaml", []byte(workload.Flow), flows.Options{})
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	var data bytes.Buffer
	if _, err := workload.Write(&data, workload.Config{Chains: 5000, Open: 1000, FaultRate: 0.001, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	b.Run("events", func(b *testing.B) {
		bench(b, flow, data.Bytes(), func(a *flows.Audit) (message.BodyScanner, func(message.Event)) {
			return a.Bodies(), a.Add
		})
	})
	b.Run("batches", func(b *testing.B) {
		bench(b, flow, data.Bytes(), func(a *flows.Audit) (message.BodyScanner, func(message.Event)) {
			var batch flows.Batch
			reducer := a.Reducer()
			return reducer.Bodies(), func(e message.Event) {
				batch.Reset()
				reducer.Reduce(e, 0, &batch)
				a.AddBatch(&batch)
			}
		})
	})
}

func bench(b *testing.B, flow *flows.Flow, data []byte, way func(*flows.Audit) (message.BodyScanner, func(message.Event))) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		reader, err := message.NewReader(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		audit := flows.NewAudit(flow, flows.AuditConfig{Mode: "verify"})
		bodies, add := way(audit)
		reader.Bodies = bodies
		for {
			event, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			add(event)
		}
		if audit.Result().Chains.Total != 5000 {
			b.Fatal("chains lost")
		}
	}
}
