package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// shipment is a message on the exchange shipping.
type shipment struct {
	ShipmentID string  `json:"shipmentId"`
	OrderID    string  `json:"orderId"`
	Line       int     `json:"line"`
	Of         int     `json:"of"`
	SKU        string  `json:"sku"`
	Carrier    string  `json:"carrier"`
	ShipTo     *string `json:"shipTo"`
}

// mail is a message on the SNS topic customer-mail.
type mail struct {
	MailID  string `json:"mailId"`
	OrderID string `json:"orderId"`
	Text    string `json:"text"`
}

// attempts is how often the courier tries a shipment.
const attempts = 3

// ship handles one payment: a shipment for each line.
func (s *Shop) ship(ctx context.Context, _, body []byte) error {
	var p payment
	if err := json.Unmarshal(body, &p); err != nil || p.Status != "AUTHORISED" || s.has(bugLost) {
		return nil //nolint:nilerr // what cannot be read is left out, as in billing
	}
	for i, l := range p.Lines {
		out, err := json.Marshal(shipment{
			ShipmentID: fmt.Sprintf("shp-%s-%d", p.OrderID, i+1), OrderID: p.OrderID, Line: i + 1, Of: len(p.Lines),
			SKU: l.SKU, Carrier: "POST", ShipTo: p.ShipTo,
		})
		if err != nil {
			return err
		}
		key := "shipment." + country(p.ShipTo)
		if s.has(bugRoute) {
			key = "parcel." + country(p.ShipTo)
		}
		if err := s.cfg.Tasks.Publish(ctx, exchangeShipping, Task{Key: key, Body: out}); err != nil {
			return err
		}
	}
	return nil
}

func country(shipTo *string) string {
	if shipTo == nil || *shipTo == "" {
		return "unknown"
	}
	return strings.ToLower(*shipTo)
}

// courier remembers how many lines of each order it has delivered.
type courier struct {
	mu        sync.Mutex
	delivered map[string]map[int]bool
}

func (c *courier) init() { c.delivered = map[string]map[int]bool{} }

// deliver handles one shipment. What cannot be delivered is tried again through
// the retry queue, and parked after the last attempt.
func (s *Shop) deliver(ctx context.Context, t Task) Verdict {
	var sh shipment
	if err := json.Unmarshal(t.Body, &sh); err != nil {
		return s.park(ctx, t)
	}
	if sh.ShipTo == nil {
		return s.fail(ctx, t)
	}
	if !s.delivered(&sh) {
		return Done
	}
	times := 1
	if s.has(bugEarlyMail) {
		times = 2
	}
	for range times {
		body, err := json.Marshal(mail{MailID: "mail-" + sh.OrderID, OrderID: sh.OrderID, Text: "Your order is on its way."})
		if err == nil {
			err = s.cfg.Mails.Publish(ctx, body)
		}
		if err != nil {
			s.cfg.Log.Error("courier", "error", err)
			return Again
		}
	}
	if s.has(bugParksSound) {
		s.publish(ctx, exchangeParked, t)
	}
	return Done
}

// delivered notes a line; true once the order is complete for the first time.
func (s *Shop) delivered(sh *shipment) bool {
	c := &s.courier
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := c.delivered[sh.OrderID]
	if lines == nil {
		lines = map[int]bool{}
		c.delivered[sh.OrderID] = lines
	}
	if lines[sh.Line] {
		return false
	}
	lines[sh.Line] = true
	return len(lines) == sh.Of
}

// fail handles a shipment that cannot be delivered.
func (s *Shop) fail(ctx context.Context, t Task) Verdict {
	if s.has(bugStuck) {
		<-ctx.Done()
		return Again
	}
	allowed := attempts
	if s.has(bugNoRetry) {
		allowed = 1
	}
	if refusals(t.Headers)+1 < allowed {
		if s.has(bugLostInRetry) {
			return Done
		}
		return Refuse
	}
	return s.park(ctx, t)
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

// park publishes the task, failure headers and all, where people look.
func (s *Shop) park(ctx context.Context, t Task) Verdict {
	exchange := exchangeParked
	switch {
	case s.has(bugWrongDLQ):
		exchange = exchangeOther
	case s.has(bugNoReason):
		t.Headers = nil
	case s.has(bugAltered):
		var fields map[string]any
		if json.Unmarshal(t.Body, &fields) == nil {
			delete(fields, "sku")
			t.Body, _ = json.Marshal(fields)
		}
	}
	if !s.publish(ctx, exchange, t) {
		return Again
	}
	return Done
}

func (s *Shop) publish(ctx context.Context, exchange string, t Task) bool {
	if err := s.cfg.Tasks.Publish(ctx, exchange, t); err != nil {
		s.cfg.Log.Error("courier", "error", err)
		return false
	}
	return true
}
