package shop_test

import (
	"testing"

	"github.com/flowcheck/flowcheck/examples/shop"
)

func TestStretched(t *testing.T) {
	const flow = "timeout: 5s # 3s\n  paid: { within: 2s, count: 1 }\n - latency: { p95: 4s, p99: 400ms }\n x-within: 1m\nsettle: 1s"
	const want = "timeout: 7500ms # 3s\n  paid: { within: 3000ms, count: 1 }\n - latency: { p95: 6000ms, p99: 600ms }\n x-within: 1m\nsettle: 1500ms"
	if got := shop.Stretched(flow, 1.5); got != want {
		t.Error(got)
	}
	if got := shop.Stretched("flow: x\n", 2); got != "flow: x\nsettle: 1000ms\n" {
		t.Errorf("the settle that a flow file has without naming it: %q", got)
	}
	if got := shop.Stretched("flow: x\n", 1); got != "flow: x\n" {
		t.Error(got)
	}
}
