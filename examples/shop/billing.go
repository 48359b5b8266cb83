package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// limit is the total beyond which an order is declined.
const limit = 1000

// closed is how the names of closed accounts begin.
const closed = "closed"

// order is a message on the topic orders.
type order struct {
	Type    string  `json:"type"`
	Tenant  string  `json:"tenant,omitempty"`
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
	Tenant    string  `json:"tenant,omitempty"`
	OrderID   string  `json:"orderId"`
	Account   string  `json:"account"`
	Seq       int     `json:"seq"`
	Status    string  `json:"status"`
	Amount    float64 `json:"amount"`
	ShipTo    *string `json:"shipTo"`
	Lines     []line  `json:"lines"`
}

// posting is a message on the FIFO topic ledger.fifo; the attribute order-id says
// whose it is.
type posting struct {
	Account string  `json:"account"`
	Amount  float64 `json:"amount"`
}

// Billing's patience with an account that is closed.
const (
	billingAttempts = 3
	billingPause    = 20 * time.Millisecond
)

// errClosed says that an order's account is closed.
var errClosed = errors.New("the account is closed")

// bill handles one order. An order that was billed before is not billed again;
// one that cannot be billed is dead-lettered.
func (s *Shop) bill(ctx context.Context, in *record) error {
	r := *in
	o, err := readOrder(r.value)
	if err != nil {
		return s.poisoned(ctx, r, err)
	}
	if s.has(bugLate) {
		if err := s.pause(ctx, 2050*time.Millisecond); err != nil {
			return err
		}
	}
	if s.has(bugRacyDedup) && !strings.HasPrefix(o.Account, closed) {
		return s.billUnguarded(ctx, r, o)
	}
	allowed := billingAttempts
	if s.has(bugRetryShort) {
		allowed--
	}
	for attempt := 1; ; attempt++ {
		rows, err := s.billOnce(r, o)
		if err == nil {
			return s.billed(ctx, in, rows)
		}
		if attempt == allowed {
			return s.refuse(ctx, r, refusal{err, s.dedupID(r, o), attempt})
		}
		if err := s.pause(ctx, billingPause); err != nil {
			return err
		}
	}
}

// billed has the order acknowledged once its payment is out.
func (s *Shop) billed(ctx context.Context, in *record, rows []int64) error {
	if s.has(bugWriteBehind) {
		if err := s.db.flushed(ctx, rows); err != nil {
			return err
		}
		return s.pause(ctx, time.Second)
	}
	in.once = s.out(rows)
	return nil
}

// out waits until the rows are published.
func (s *Shop) out(rows []int64) func(context.Context) error {
	return func(ctx context.Context) error { return s.db.flushed(ctx, rows) }
}

// billUnguarded looks for the order and notes it later, with nothing to keep
// another from coming in between.
func (s *Shop) billUnguarded(ctx context.Context, r record, o *order) error {
	id, known := s.dedupID(r, o), false
	s.db.update(func(t *tx) { known = t.state(id, remembered) != "" })
	if known {
		return nil
	}
	if err := s.pause(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	return s.db.flushed(ctx, s.db.update(func(t *tx) {
		t.note(id, stateDone)
		s.charge(t, o)
	}))
}

// orderFields must be in every order.
var orderFields = []string{"type", "orderId", "total", "shipTo", "lines"}

func readOrder(body []byte) (*order, error) {
	var o order
	if err := readStrict(body, &o, orderFields); err != nil {
		return nil, err
	}
	if o.Type != "OrderPlaced" || o.OrderID == "" || len(o.Lines) == 0 {
		return nil, errors.New("not an order: type, orderId or lines are not as they must be")
	}
	return &o, nil
}

// readStrict reads a JSON object that has the fields.
func readStrict(body []byte, into any, fields []string) error {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(body, &present); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	for _, f := range fields {
		if _, ok := present[f]; !ok {
			return fmt.Errorf("cannot be read: there is no %s", f)
		}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	return nil
}

// name is what an order is known by: two tenants may use the same id.
func (o *order) name() string { return o.Tenant + "/" + o.OrderID }

// dedupID is by what billing knows an order again.
func (s *Shop) dedupID(r record, o *order) string {
	switch {
	case s.has(bugTransportDedup) && r.header("message-id") != "":
		return "billing " + r.header("message-id")
	case s.has(bugTransportDedup):
		return fmt.Sprintf("billing %d@%d", r.partition, r.offset)
	case s.has(bugBodyDedup):
		sum := sha256.Sum256(r.value)
		return "billing " + hex.EncodeToString(sum[:])
	case s.has(bugTenantBlind):
		return "billing " + o.OrderID
	default:
		return "billing " + o.name()
	}
}

// billOnce bills an order that was not billed before, in one transaction.
func (s *Shop) billOnce(r record, o *order) (rows []int64, err error) {
	window := remembered
	if s.has(bugShortWindow) {
		window = s.stretch(300 * time.Millisecond)
	}
	id := s.dedupID(r, o)
	rows = s.db.update(func(t *tx) {
		state := t.state(id, window)
		if s.has(bugNoDedup) || s.has(bugWriteBehind) && !s.memo.seen(id) {
			state = ""
		}
		switch {
		case state == stateDone, state == stateFailed && s.has(bugReplaySwallowed):
			return
		case strings.HasPrefix(o.Account, closed) && !t.isHealed(strings.TrimPrefix(o.Account, closed+"-")):
			if state == "" || s.has(bugDLTAgain) {
				err = errClosed
			}
			return
		}
		t.note(id, stateDone)
		s.memo.note(id)
		s.charge(t, o)
	})
	return rows, err
}

// charge writes the payment of an order, and its posting.
func (s *Shop) charge(t *tx, o *order) {
	p := s.payment(t, o)
	if s.has(bugSwapped) {
		s.swap(t, p)
		return
	}
	for range s.times(bugDouble) {
		t.send(s.paid(p))
	}
	if p.Status == "AUTHORISED" {
		t.send(s.posted(p))
	}
}

// times is 2 with the bug, else 1.
func (s *Shop) times(bug string) int {
	if s.has(bug) {
		return 2
	}
	return 1
}

// payment decides on an order.
func (s *Shop) payment(t *tx, o *order) payment {
	account := o.Account
	if account == "" {
		account = o.OrderID
	}
	t.seq[account]++
	if s.has(bugSkippedSeq) && t.seq[account] == 2 {
		t.seq[account]++
	}
	p := payment{
		PaymentID: "pay-" + strings.TrimPrefix(o.name(), "/"), Tenant: o.Tenant, OrderID: o.OrderID, Account: account,
		Seq: t.seq[account], Status: "AUTHORISED", Amount: o.Total, ShipTo: o.ShipTo, Lines: o.Lines,
	}
	if o.Total > limit || s.has(bugDeclines) {
		p.Status = "DECLINED"
	}
	if s.has(bugAmount) {
		p.Amount = o.Total * 1.1
	}
	return p
}

// paid is the message that tells of a payment; all of one account are in one
// partition.
func (s *Shop) paid(p payment) row {
	key := p.Account
	if s.has(bugPartitionKey) {
		key = p.OrderID
	}
	return row{lane: laneEvents, to: topicPayments, key: key, body: encode(p)}
}

// posted is what the ledger is told: the payment is its deduplication id.
func (s *Shop) posted(p payment) row {
	r := row{
		lane: laneMails, to: topicLedger, key: p.Account, dedup: p.PaymentID,
		headers: map[string]any{"order-id": strings.TrimPrefix(p.PaymentID, "pay-")}, body: encode(posting{p.Account, p.Amount}),
	}
	if s.has(bugFIFOBody) {
		sum := sha256.Sum256(r.body)
		r.dedup = hex.EncodeToString(sum[:])
	}
	return r
}

// encode is for what is made of texts and numbers, which no encoder refuses.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return body
}
