package shop

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// mail is a message on the SNS topic customer-mail.
type mail struct {
	MailID  string `json:"mailId"`
	Tenant  string `json:"tenant,omitempty"`
	OrderID string `json:"orderId"`
	Text    string `json:"text"`
}

// attempts is how often the courier tries a shipment.
const attempts = 3

// courier handles one shipment, once. What cannot be delivered is tried again
// through the retry queue, and parked after the last attempt.
func (s *Shop) courier(ctx context.Context, task Task) Verdict {
	if s.has(bugRedelivered) && task.Redelivered {
		return Done
	}
	sh, err := readShipment(task.Body)
	if err != nil {
		return s.unreadable(ctx, task, err)
	}
	if (s.has(bugRedelivered) || s.has(bugCourierAcksFirst)) && sh.ShipTo != nil {
		if err := s.pause(ctx, 600*time.Millisecond); err != nil {
			return Leave
		}
	}
	verdict := Done
	rows := s.db.update(func(t *tx) { verdict = s.deliver(t, task, sh) })
	if err := s.db.flushed(ctx, rows); err != nil {
		return Leave
	}
	if verdict == stuck {
		<-ctx.Done()
		return Leave
	}
	if s.has(bugParksSound) && len(rows) > 0 && sh.ShipTo != nil {
		return s.parkSound(ctx, task)
	}
	return verdict
}

// parkSound parks what has been delivered, when its mail is out: one that came
// later would be what is wrong with the chain.
func (s *Shop) parkSound(ctx context.Context, task Task) Verdict {
	if err := s.pause(ctx, 500*time.Millisecond); err != nil {
		return Leave
	}
	if err := s.db.flushed(ctx, s.db.update(func(t *tx) { t.send(parked(task)) })); err != nil {
		return Leave
	}
	return Done
}

// stuck is the verdict of a courier that hangs.
const stuck = Verdict(-1)

func readShipment(body []byte) (*shipment, error) {
	var sh shipment
	if err := readStrict(body, &sh, []string{"shipmentId", "orderId", "line", "of", "shipTo"}); err != nil {
		return nil, err
	}
	if sh.ShipmentID == "" || sh.OrderID == "" || sh.Of < 1 {
		return nil, errors.New("shipmentId, orderId or of are not as they must be")
	}
	return &sh, nil
}

// deliver handles a shipment in one transaction.
func (s *Shop) deliver(t *tx, task Task, sh *shipment) Verdict {
	id := "courier " + sh.ShipmentID
	state := t.state(id, remembered)
	address := sh.ShipTo != nil || t.isHealed(sh.OrderID)
	switch {
	case state == stateDone && !s.has(bugCourierNoDedup), state == stateFailed && (!address || s.has(bugParkedIsDone)):
		return Done
	case !address:
		return s.failed(t, task, id)
	}
	t.note(id, stateDone)
	if state == stateFailed && s.has(bugReplayMailsTwice) {
		t.send(s.mailed(sh, "mail-again-"))
	}
	if !delivered(t, sh) && state != stateDone {
		return Done
	}
	t.send(s.mailed(sh, "mail-"))
	if s.has(bugEarlyMail) {
		t.send(s.mailed(sh, "mail-"))
	}
	return Done
}

// delivered notes a shipment; true once the order is complete for the first time.
func delivered(t *tx, sh *shipment) bool {
	order := sh.Tenant + "/" + sh.OrderID
	lines := t.delivered[order]
	if lines == nil {
		lines = map[string]bool{}
		t.delivered[order] = lines
	}
	if lines[sh.ShipmentID] {
		return false
	}
	lines[sh.ShipmentID] = true
	return len(lines) == sh.Of
}

// mailed tells the customer that the order is complete.
func (s *Shop) mailed(sh *shipment, prefix string) row {
	to := "unknown"
	if sh.ShipTo != nil {
		to = *sh.ShipTo
	}
	name := sh.OrderID
	if sh.Tenant != "" {
		name = sh.Tenant + "-" + name
	}
	return row{
		lane: laneMails, to: topicMail, key: name, headers: map[string]any{"country": to},
		body: encode(mail{MailID: prefix + name, Tenant: sh.Tenant, OrderID: sh.OrderID, Text: "Your order is on its way."}),
	}
}

// failed handles a shipment that cannot be delivered.
func (s *Shop) failed(t *tx, task Task, id string) Verdict {
	allowed := attempts
	switch {
	case s.has(bugStuck):
		return stuck
	case s.has(bugNoRetry):
		allowed = 1
	case s.has(bugRetryForever):
		return Refuse
	}
	if refusals(task.Headers)+1 < allowed {
		if s.has(bugLostInRetry) {
			return Done
		}
		return Refuse
	}
	t.note(id, stateFailed)
	t.send(s.park(task))
	return Done
}

// refusals is how often the task was refused before, by x-death.
func refusals(headers map[string]any) int {
	deaths, _ := headers["x-death"].([]any)
	n := 0
	for _, d := range deaths {
		table, _ := d.(map[string]any)
		count, _ := table["count"].(int64)
		if table["reason"] == "rejected" {
			n += int(count)
		}
	}
	return n
}

// parked is the task, failure headers and all, where people look.
func parked(task Task) row {
	return row{lane: laneTasks, to: exchangeParked, key: task.Key, headers: task.Headers, body: task.Body}
}

func (s *Shop) park(task Task) row {
	r := parked(task)
	switch {
	case s.has(bugWrongDLQ):
		r.to = exchangeOther
	case s.has(bugNoReason):
		r.headers = nil
	case s.has(bugAltered):
		var fields map[string]any
		if json.Unmarshal(task.Body, &fields) == nil {
			delete(fields, "sku")
			r.body = encode(fields)
		}
	}
	return r
}

// unreadable parks what no retry can help, with the reason in the headers of
// Spring's RepublishMessageRecoverer.
func (s *Shop) unreadable(ctx context.Context, task Task, err error) Verdict {
	switch {
	case s.has(bugPoisonDropped):
		return Done
	case s.has(bugPoisonRequeued):
		if s.pause(ctx, 20*time.Millisecond) != nil {
			return Leave
		}
		return Again
	}
	r := parked(task)
	r.headers = map[string]any{
		"x-exception-message": err.Error(), "x-original-exchange": s.cfg.Prefix + exchangeShipping, "x-original-routingKey": task.Key,
	}
	for name, value := range task.Headers {
		if _, ok := r.headers[name]; !ok {
			r.headers[name] = value
		}
	}
	if s.db.flushed(ctx, s.db.update(func(t *tx) { t.send(r) })) != nil {
		return Leave
	}
	return Done
}
