package shop

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// limit is the total beyond which an order is declined.
const limit = 1000

// order is a message on the topic orders.
type order struct {
	Type    string  `json:"type"`
	OrderID string  `json:"orderId"`
	Account string  `json:"account,omitempty"`
	Total   float64 `json:"total"`
	ShipTo  *string `json:"shipTo"`
	Lines   []line  `json:"lines"`
}

type line struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

// payment is a message on the topic payments.
type payment struct {
	PaymentID string  `json:"paymentId"`
	OrderID   string  `json:"orderId"`
	Account   string  `json:"account"`
	Seq       int     `json:"seq"`
	Status    string  `json:"status"`
	Amount    float64 `json:"amount"`
	ShipTo    *string `json:"shipTo"`
	Lines     []line  `json:"lines"`
}

// billing remembers what was billed, and each account's sequence.
type billing struct {
	mu     sync.Mutex
	billed map[string]bool
	seq    map[string]int
	held   map[string]payment // of the bug that swaps
}

func (b *billing) init() {
	b.billed, b.seq, b.held = map[string]bool{}, map[string]int{}, map[string]payment{}
}

// holdFor is how long the bug that swaps waits for a second payment.
const holdFor = 400 * time.Millisecond

// bill handles one order. An order that was billed before is not billed again.
func (s *Shop) bill(ctx context.Context, _, body []byte) error {
	var o order
	if err := json.Unmarshal(body, &o); err != nil || o.Type != "OrderPlaced" || o.OrderID == "" {
		s.cfg.Log.Warn("billing: an order that cannot be read is left out", "error", err)
		return nil // a poison message must not stop the others
	}
	p, again := s.settle(&o)
	if again {
		return nil
	}
	if s.has(bugLate) {
		if err := pause(ctx, 2300*time.Millisecond); err != nil {
			return err
		}
	}
	if s.has(bugSwapped) {
		return s.swap(ctx, p)
	}
	if err := s.pay(ctx, p); err != nil {
		return err
	}
	if s.has(bugDouble) {
		return s.pay(ctx, p)
	}
	return nil
}

// settle decides on an order.
func (s *Shop) settle(o *order) (p payment, again bool) {
	b := &s.billing
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.billed[o.OrderID] {
		return p, true
	}
	b.billed[o.OrderID] = true
	account := o.Account
	if account == "" {
		account = o.OrderID
	}
	b.seq[account]++
	if s.has(bugSkippedSeq) && b.seq[account] == 2 {
		b.seq[account]++
	}
	p = payment{
		PaymentID: "pay-" + o.OrderID, OrderID: o.OrderID, Account: account, Seq: b.seq[account],
		Status: "AUTHORISED", Amount: o.Total, ShipTo: o.ShipTo, Lines: o.Lines,
	}
	if o.Total > limit || s.has(bugDeclines) {
		p.Status = "DECLINED"
	}
	if s.has(bugAmount) {
		p.Amount = o.Total * 1.1
	}
	return p, false
}

func (s *Shop) pay(ctx context.Context, p payment) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return s.events.produce(ctx, topicPayments, p.Account, body)
}

// swap holds the first payment of an account until the second has gone out, or
// for a while.
func (s *Shop) swap(ctx context.Context, p payment) error {
	b := &s.billing
	b.mu.Lock()
	first, ok := b.held[p.Account]
	if !ok {
		b.held[p.Account] = p
		b.mu.Unlock()
		time.AfterFunc(holdFor, func() { s.release(p) })
		return nil
	}
	delete(b.held, p.Account)
	b.mu.Unlock()
	if err := s.pay(ctx, p); err != nil {
		return err
	}
	return s.pay(ctx, first)
}

func (s *Shop) release(p payment) {
	b := &s.billing
	b.mu.Lock()
	held := b.held[p.Account].OrderID == p.OrderID
	if held {
		delete(b.held, p.Account)
	}
	b.mu.Unlock()
	if !held {
		return
	}
	if err := s.pay(context.Background(), p); err != nil {
		s.cfg.Log.Error("billing", "error", err)
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
