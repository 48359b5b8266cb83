package shop

import (
	"slices"
	"strings"
)

// Bug is something wrong with the shop that can be switched on.
type Bug struct {
	Name string
	// About says what it does, Kind which kind of finding flowcheck must have.
	About, Kind string
	// Flow is the flow file that finds it, without .flow.yaml; "" is order.
	Flow string
	// Probe is the probe that must find it; "" is a scenario as it stands.
	Probe string
	// In is the part of the shop that it is in.
	In Part
}

// Part is a service of the shop, or all of them. Its value is the list of the
// flows that it takes part in.
type Part string

// The parts of the shop.
const (
	inBilling  Part = "order billing"
	inShipping Part = "order"
	inCourier  Part = "order courier"
	inMailer   Part = "mail"
	inProfiles Part = "profiles"
	inAll      Part = "order billing courier mail profiles"
)

// Touches reports whether the part takes part in a flow, by the name of its file
// without .flow.yaml.
func (p Part) Touches(flow string) bool { return slices.Contains(strings.Fields(string(p)), flow) }

// FlowNames are the names of the flow files, without .flow.yaml.
func FlowNames() []string { return strings.Fields(string(inAll)) }

// File is the name of the flow file that finds the bug.
func (b Bug) File() string {
	if b.Flow == "" {
		return WholeFlow
	}
	return b.Flow + ".flow.yaml"
}

// The names of the bugs that a scenario finds as it stands.
const (
	bugLost        = "lost-message"
	bugDouble      = "double-payment"
	bugSwapped     = "swapped-order"
	bugLate        = "late-step"
	bugWrongDLQ    = "wrong-dlq"
	bugAltered     = "altered-dlq-copy"
	bugAmount      = "wrong-amount"
	bugRoute       = "wrong-route"
	bugStuck       = "stuck-after-poison"
	bugNoReason    = "dlq-without-reason"
	bugNoRetry     = "no-retry"
	bugDeclines    = "declines-everything"
	bugEarlyMail   = "double-mail"
	bugSkippedSeq  = "skipped-sequence"
	bugParksSound  = "parks-sound-shipments"
	bugLostInRetry = "lost-in-retry"

	bugRetryShort    = "one-retry-short"
	bugRetryForever  = "retries-forever"
	bugPartitionKey  = "wrong-partition-key"
	bugTenantBlind   = "dedup-without-tenant"
	bugFIFOBody      = "fifo-dedup-by-body"
	bugFilter        = "filter-drops"
	bugVisibility    = "visibility-too-short"
	bugRetryReorders = "retry-reorders"
)

// The names of the bugs that take a probe.
const (
	bugNoDedup         = "no-dedup"
	bugRacyDedup       = "racy-dedup"
	bugShortWindow     = "dedup-window-too-short"
	bugTransportDedup  = "dedup-by-transport-id"
	bugBodyDedup       = "dedup-by-body"
	bugShippingNoDedup = "shipping-no-dedup"
	bugCourierNoDedup  = "courier-no-dedup"
	bugMailerNoDedup   = "mailer-no-dedup"
	bugLostUpdate      = "lost-update"
	bugVersionAgain    = "version-applied-again"
	bugArrivalWins     = "last-arrival-wins"
	bugMailerByQueueID = "dedup-by-queue-id"

	bugSwallowed        = "swallowed-exception"
	bugBlocked          = "blocked-partition"
	bugSlowRetry        = "blocking-retry"
	bugDLTWithoutReason = "dlt-without-reason"
	bugDLTReserialised  = "dlt-reserialised"
	bugDLTWrongTopic    = "dlt-wrong-topic"
	bugDLTWithoutKey    = "dlt-without-key"
	bugDLTTwice         = "dlt-twice"
	bugDLTAgain         = "dlt-again"
	bugPoisonDropped    = "poison-dropped"
	bugPoisonRequeued   = "poison-requeued"
	bugMailPoisonLoops  = "poison-mail-loops"

	bugReplayMailsTwice = "replay-mails-twice"
	bugParkedIsDone     = "parked-is-done"
	bugReplaySwallowed  = "refused-is-done"

	bugAckFirst         = "ack-before-effect"
	bugCourierAcksFirst = "courier-auto-ack"
	bugMailerAcksFirst  = "mailer-deletes-first"
	bugWriteBehind      = "effect-before-dedup"
	bugLatest           = "offset-reset-to-latest"
	bugOutboxAgain      = "outbox-sent-twice"
	bugRedelivered      = "redelivered-is-done"

	bugNoReconnect = "no-reconnect"
	bugUnconfirmed = "publish-unconfirmed"
)

// Bugs are all that can be switched on.
var Bugs = []Bug{
	{Name: bugLost, In: inShipping, Kind: "missing", About: "shipping takes a payment and ships nothing"},
	{Name: bugDouble, In: inBilling, Kind: "duplicate", About: "billing publishes each payment twice"},
	{Name: bugSwapped, In: inBilling, Kind: "out-of-order", About: "billing publishes two payments of one account in the wrong order"},
	{Name: bugLate, In: inBilling, Kind: "late", About: "billing takes longer than the flow allows"},
	{Name: bugWrongDLQ, In: inCourier, Kind: "missing", About: "the courier parks on another exchange"},
	{Name: bugAltered, In: inCourier, Kind: "altered", About: "the courier writes the parked body anew and drops a field"},
	{Name: bugAmount, In: inBilling, Kind: "mismatch", About: "billing charges a tenth too much"},
	{Name: bugRoute, In: inShipping, Kind: "missing", About: "shipping publishes with a routing key that no queue is bound to"},
	{Name: bugStuck, In: inCourier, Kind: "missing", About: "a shipment that cannot be delivered stops the courier"},
	{Name: bugNoReason, In: inCourier, Kind: "mismatch", About: "the courier parks without the failure headers"},
	{Name: bugNoRetry, In: inCourier, Kind: "mismatch", About: "the courier parks at the first failure"},
	{Name: bugDeclines, In: inBilling, Kind: "wrong-outcome", About: "billing declines every order"},
	{Name: bugEarlyMail, In: inCourier, Kind: "duplicate", About: "the courier sends each mail twice"},
	{Name: bugSkippedSeq, In: inBilling, Kind: "gap", About: "billing skips a number of each account's sequence"},
	{Name: bugParksSound, In: inCourier, Kind: "dead-lettered", About: "the courier parks shipments that it has delivered"},
	{Name: bugLostInRetry, In: inCourier, Kind: "missing", About: "the courier acknowledges what it should try again"},
	{Name: bugRetryForever, In: inCourier, Kind: "missing", About: "the courier tries for ever and parks nothing"},

	{Name: bugRetryShort, In: inBilling, Flow: "billing", Kind: "mismatch", About: "billing tries twice instead of three times"},
	{Name: bugPartitionKey, In: inBilling, Flow: "billing", Kind: "mismatch", About: "payments have the order as their key, not the account"},
	{Name: bugTenantBlind, In: inBilling, Flow: "billing", Kind: "missing", About: "billing knows an order again by its id without the tenant"},
	{Name: bugFIFOBody, In: inBilling, Flow: "billing", Kind: "missing", About: "the ledger's deduplication id is a hash of the body: two equal amounts are one"},
	{Name: bugRetryReorders, In: inProfiles, Flow: "profiles", Kind: "out-of-order", About: "a change that failed once is tried again later, after a newer one"},
	{Name: bugFilter, In: inMailer, Flow: "mail", Kind: "missing", About: "the filter of the mailer's subscription drops a country"},
	{Name: bugVisibility, In: inMailer, Flow: "mail", Kind: "duplicate", About: "a mail is visible again before its letter is written"},

	{Name: bugNoDedup, In: inBilling, Flow: "billing", Probe: "duplicate", Kind: "not-idempotent", About: "billing bills each copy of an order"},
	{Name: bugRacyDedup, In: inBilling, Flow: "billing", Probe: "duplicate", Kind: "not-idempotent", About: "billing works on several orders at once, and looks for a double long before it notes one"},
	{Name: bugShortWindow, In: inBilling, Flow: "billing", Probe: "duplicate", Kind: "not-idempotent", About: "billing knows an order again for 300 ms only"},
	{Name: bugTransportDedup, In: inBilling, Flow: "billing", Probe: "same-key", Kind: "not-idempotent", About: "billing knows an order again by the message's id, not the order's"},
	{Name: bugBodyDedup, In: inBilling, Flow: "billing", Probe: "conflict", Kind: "not-idempotent", About: "billing knows an order again by a hash of its body"},
	{Name: bugShippingNoDedup, In: inShipping, Probe: "redeliver", Kind: "not-idempotent", About: "shipping ships each copy of a payment"},
	{Name: bugCourierNoDedup, In: inCourier, Flow: "courier", Probe: "duplicate", Kind: "not-idempotent", About: "the courier delivers each copy of a shipment"},
	{Name: bugMailerNoDedup, In: inMailer, Flow: "mail", Probe: "duplicate", Kind: "not-idempotent", About: "the mailer writes a letter for each copy of a mail"},
	{Name: bugLostUpdate, In: inProfiles, Flow: "profiles", Probe: "late", Kind: "not-idempotent", About: "an old change overwrites a newer one"},
	{Name: bugVersionAgain, In: inProfiles, Flow: "profiles", Probe: "duplicate", Kind: "not-idempotent", About: "a change is applied again where its version is known already"},
	{Name: bugArrivalWins, In: inProfiles, Flow: "profiles", Probe: "reorder", Kind: "out-of-order", About: "of two changes the one that came last wins, each applied once"},
	{Name: bugMailerByQueueID, In: inMailer, Flow: "mail", Probe: "duplicate", Kind: "not-idempotent", About: "the mailer knows a mail again by the id that SQS gave it, not by its own"},

	{Name: bugSwallowed, In: inBilling, Flow: "billing", Probe: "poison", Kind: "missing", About: "billing logs an order that it cannot read, and goes on"},
	{Name: bugBlocked, In: inBilling, Flow: "billing", Probe: "poison", Kind: "missing", About: "billing tries an order that it cannot read for ever"},
	{Name: bugSlowRetry, In: inBilling, Flow: "billing", Probe: "poison", Kind: "late", About: "billing waits in place before it gives up an order that it cannot read"},
	{Name: bugDLTWithoutReason, In: inBilling, Flow: "billing", Probe: "poison", Kind: "mismatch", About: "billing dead-letters without a reason"},
	{Name: bugDLTReserialised, In: inBilling, Flow: "billing", Probe: "poison", Kind: "altered", About: "billing wraps what it dead-letters into JSON of its own"},
	{Name: bugDLTWrongTopic, In: inBilling, Flow: "billing", Probe: "poison", Kind: "missing", About: "billing dead-letters on another topic"},
	{Name: bugDLTWithoutKey, In: inBilling, Flow: "billing", Probe: "poison", Kind: "altered", About: "billing dead-letters without the key"},
	{Name: bugDLTTwice, In: inBilling, Flow: "billing", Probe: "poison", Kind: "duplicate", About: "billing dead-letters twice"},
	{Name: bugDLTAgain, In: inBilling, Flow: "billing", Probe: "duplicate", Kind: "not-idempotent", About: "each copy of a refused order is dead-lettered again"},
	{Name: bugPoisonDropped, In: inCourier, Flow: "courier", Probe: "poison", Kind: "missing", About: "the courier acknowledges what it cannot read"},
	{Name: bugPoisonRequeued, In: inCourier, Flow: "courier", Probe: "poison", Kind: "missing", About: "the courier gives back what it cannot read, for ever"},
	{Name: bugMailPoisonLoops, In: inMailer, Flow: "mail", Probe: "poison", Kind: "missing", About: "the mailer neither deletes nor dead-letters what it cannot read"},

	{Name: bugReplayMailsTwice, In: inCourier, Flow: "courier", Probe: "replay", Kind: "not-idempotent", About: "a parked shipment that is replayed is told to the customer twice"},
	{Name: bugParkedIsDone, In: inCourier, Flow: "courier", Probe: "replay", Kind: "not-replayed", About: "the courier takes a parked shipment for a double when it is replayed"},
	{Name: bugReplaySwallowed, In: inBilling, Flow: "billing", Probe: "replay", Kind: "not-replayed", About: "billing takes a refused order for a double when it is replayed"},

	{Name: bugAckFirst, In: inShipping, Probe: "restart", Kind: "missing", About: "shipping commits a payment before it ships"},
	{Name: bugLatest, In: inShipping, Probe: "restart", Kind: "missing", About: "shipping commits nothing, and begins at the latest payment when it starts"},
	{Name: bugWriteBehind, In: inBilling, Flow: "billing", Probe: "restart", Kind: "duplicate", About: "billing publishes a payment before it notes the order on disk"},
	{Name: bugOutboxAgain, In: inAll, Flow: "billing", Probe: "restart", Kind: "duplicate", About: "after a restart the relay sends again what it has sent"},
	{Name: bugCourierAcksFirst, In: inCourier, Flow: "courier", Probe: "restart", Kind: "missing", About: "the courier's shipments are acknowledged when they are sent to it"},
	{Name: bugRedelivered, In: inCourier, Flow: "courier", Probe: "restart", Kind: "missing", About: "the courier takes what is redelivered for done"},
	{Name: bugMailerAcksFirst, In: inMailer, Flow: "mail", Probe: "restart", Kind: "missing", About: "the mailer deletes a mail before it writes the letter"},

	{Name: bugNoReconnect, In: inCourier, Flow: "courier", Probe: "cut", Kind: "missing", About: "the courier does not connect again"},
	{Name: bugUnconfirmed, In: inAll, Flow: "courier", Probe: "cut", Kind: "missing", About: "a message that the broker did not take is not sent again"},
}
