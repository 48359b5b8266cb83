package brokertest

import "time"

// clockSlack is how far the broker's clock and ours may be apart; the brokers
// of the suite run on this machine.
const clockSlack = 2 * time.Second

// brokerTime: the broker's time is there and plausible, or it is not there: as
// claimed.
func brokerTime(r *rig) {
	before := time.Now()
	o := r.accepted(texts(1)[0])
	after := time.Now()
	if !r.s.Claims.BrokerTime {
		if !o.Time.IsZero() {
			r.Fatalf("a broker time is not claimed, but %s was seen", o.Time)
		}
		return
	}
	if o.Time.Before(before.Add(-clockSlack)) || o.Time.After(after.Add(clockSlack)) {
		r.Fatalf("the broker's time is %s, published was between %s and %s", o.Time, before, after)
	}
	if o.ProducerClock != r.s.Claims.ProducerClock {
		r.Fatalf("the producer's clock is claimed: %t, seen: %t", r.s.Claims.ProducerClock, o.ProducerClock)
	}
}

// seen: the tap says when it saw the message.
func seen(r *rig) {
	before := time.Now()
	o := r.accepted(texts(1)[0])
	after := time.Now()
	if o.Seen.Before(before.Add(-time.Millisecond)) || o.Seen.After(after) {
		r.Fatalf("Seen is %s, it came between %s and %s", o.Seen, before, after)
	}
}
