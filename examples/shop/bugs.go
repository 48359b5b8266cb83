package shop

// Bug is something wrong with the shop that can be switched on.
type Bug struct {
	Name string
	// About says what it does, Kind which kind of finding flowcheck must have.
	About, Kind string
}

// The names of the bugs.
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
)

// Bugs are all that can be switched on.
var Bugs = []Bug{
	{bugLost, "shipping takes a payment and ships nothing", "missing"},
	{bugDouble, "billing publishes each payment twice", "duplicate"},
	{bugSwapped, "billing publishes two payments of one account in the wrong order", "out-of-order"},
	{bugLate, "billing takes longer than the flow allows", "late"},
	{bugWrongDLQ, "the courier parks on another exchange", "missing"},
	{bugAltered, "the courier writes the parked body anew and drops a field", "altered"},
	{bugAmount, "billing charges a tenth too much", "mismatch"},
	{bugRoute, "shipping publishes with a routing key that no queue is bound to", "missing"},
	{bugStuck, "a shipment that cannot be delivered stops the courier", "missing"},
	{bugNoReason, "the courier parks without the failure headers", "mismatch"},
	{bugNoRetry, "the courier parks at the first failure", "mismatch"},
	{bugDeclines, "billing declines every order", "wrong-outcome"},
	{bugEarlyMail, "the courier sends each mail twice", "duplicate"},
	{bugSkippedSeq, "billing skips a number of each account's sequence", "gap"},
	{bugParksSound, "the courier parks shipments that it has delivered", "dead-lettered"},
	{bugLostInRetry, "the courier acknowledges what it should try again", "missing"},
}
