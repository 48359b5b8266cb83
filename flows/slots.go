package flows

import (
	"github.com/flowcheck/flowcheck/expression"
)

// slotTable gives each field that expressions read of a channel's messages a
// slot, once.
type slotTable struct {
	fields []expression.Field
	index  map[string]int
}

func newSlotTable() *slotTable { return &slotTable{index: map[string]int{}} }

func (t *slotTable) slot(f expression.Field) int {
	name := f.String()
	if i, ok := t.index[name]; ok {
		return i
	}
	t.fields = append(t.fields, f)
	t.index[name] = len(t.fields) - 1
	return len(t.fields) - 1
}
