package shop

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// shipment is a message on the exchange shipping.
type shipment struct {
	ShipmentID string  `json:"shipmentId"`
	Tenant     string  `json:"tenant,omitempty"`
	OrderID    string  `json:"orderId"`
	Line       int     `json:"line"`
	Of         int     `json:"of"`
	SKU        string  `json:"sku"`
	Carrier    string  `json:"carrier"`
	ShipTo     *string `json:"shipTo"`
}

// ship handles one payment: a shipment for each line, once.
func (s *Shop) ship(ctx context.Context, r *record) error {
	var p payment
	if err := readStrict(r.value, &p, []string{"paymentId", "orderId", "status", "lines"}); err != nil {
		s.cfg.Log.Warn("shipping: a payment that cannot be read is left out", "error", err)
		return nil // billing writes none
	}
	if p.Status != "AUTHORISED" || s.has(bugLost) {
		return nil
	}
	if s.has(bugAckFirst) || s.has(bugLatest) {
		if err := s.pause(ctx, time.Second); err != nil {
			return err
		}
	}
	id := "shipping " + p.PaymentID
	r.once = s.out(s.db.update(func(t *tx) {
		if t.state(id, remembered) != "" && !s.has(bugShippingNoDedup) {
			return
		}
		t.note(id, stateDone)
		for i, l := range p.Lines {
			t.send(s.shipped(&p, i, l))
		}
	}))
	return nil
}

func (s *Shop) shipped(p *payment, i int, l line) row {
	name := p.OrderID
	if p.Tenant != "" {
		name = p.Tenant + "-" + name
	}
	key := "shipment." + country(p.ShipTo)
	if s.has(bugRoute) {
		key = "parcel." + country(p.ShipTo)
	}
	return row{lane: laneTasks, to: exchangeShipping, key: key, order: p.OrderID, body: encode(shipment{
		ShipmentID: fmt.Sprintf("shp-%s-%d", name, i+1), Tenant: p.Tenant, OrderID: p.OrderID, Line: i + 1, Of: len(p.Lines),
		SKU: l.SKU, Carrier: "POST", ShipTo: p.ShipTo,
	})}
}

func country(shipTo *string) string {
	if shipTo == nil || *shipTo == "" {
		return "unknown"
	}
	return strings.ToLower(*shipTo)
}
