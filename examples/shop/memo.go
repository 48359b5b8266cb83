package shop

import (
	"sync"
	"time"
)

// memo is what the services have in memory alone: a restart forgets it. Only bugs
// need it.
type memo struct{ *volatile }

type volatile struct {
	mu    sync.Mutex
	known map[string]bool
	held  map[string]payment
}

func newMemo() memo {
	return memo{&volatile{known: map[string]bool{}, held: map[string]payment{}}}
}

func (m memo) seen(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[id]
}

func (m memo) note(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[id] = true
}

// holdFor is how long the bug that swaps waits for a second payment.
const holdFor = 400 * time.Millisecond

// swap holds the first payment of an account until the second has gone out, or
// for a while.
func (s *Shop) swap(t *tx, p payment) {
	first, ok := s.memo.take(p.Account, "")
	if !ok {
		s.memo.hold(p)
		time.AfterFunc(s.stretch(holdFor), func() {
			if p, ok := s.memo.take(p.Account, p.OrderID); ok {
				s.db.update(func(t *tx) { t.send(s.paid(p)) })
			}
		})
		return
	}
	t.send(s.paid(p))
	t.send(s.paid(first))
}

func (m memo) hold(p payment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held[p.Account] = p
}

// take gives the held payment of an account back; of a certain order, if it is
// named.
func (m memo) take(account, orderID string) (payment, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.held[account]
	if !ok || orderID != "" && p.OrderID != orderID {
		return p, false
	}
	delete(m.held, account)
	return p, true
}
