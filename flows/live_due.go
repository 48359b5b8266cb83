package flows

import (
	"container/heap"

	"github.com/flowcheck/flowcheck/correlate"
)

// waiting is a chain that waits for its channel to be read past a deadline.
type waiting struct {
	chain       correlate.Number
	due         correlate.Instant
	heap, index int
}

type dueHeap []*waiting

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) Push(x any) {
	w := x.(*waiting)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *dueHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}

// wait has a chain wait for what its verdict is due by.
func (l *Live) wait(n correlate.Number, v *Verdict) {
	w := &waiting{chain: n, due: v.Due, heap: 2 * v.dueOn}
	if v.dueArrival {
		w.heap++
	}
	l.waits[n] = w
	heap.Push(&l.due[w.heap], w)
}

// unwait takes a chain out of those that wait for a deadline.
func (l *Live) unwait(n correlate.Number) {
	if w := l.waits[n]; w != nil {
		delete(l.waits, n)
		heap.Remove(&l.due[w.heap], w.index)
	}
}

// popDue looks at the chains whose deadline the channel has been read past.
func (l *Live) popDue(i int) {
	for h := &l.due[i]; len(*h) > 0; {
		w := (*h)[0]
		if !l.a.horizon.ReadPast(i/2, w.due, i%2 == 1) {
			return
		}
		l.unwait(w.chain)
		if l.note(w.chain)&noteGrown == 0 { // else it is looked at all the same
			l.look(w.chain)
		}
	}
}
