package brokertest

import "testing"

// testCase is one thing that an adapter must do.
type testCase struct {
	name string
	run  func(*rig)
}

// on runs the case on t.
func (c testCase) on(t testing.TB, s Subject) { c.run(newRig(t, s)) }

// cases are all cases, in the order in which they run. Their names are what
// Subject.Unserved speaks of.
var cases = []testCase{
	{"check", checkChannel},
	{"publish", publishAccepted},
	{"receipt", receipt},
	{"armed", armed},
	{"starts-at-end", startsAtEnd},
	{"call-context", callContext},
	{"payload", payload},
	{"binary-body", binaryBody},
	{"empty-body", emptyBody},
	{"tombstone", tombstone},
	{"key", key},
	{"nil-key", nilKey},
	{"headers", headers},
	{"repeated-headers", repeatedHeaders},
	{"binary-headers", binaryHeaders},
	{"typed-headers", typedHeaders},
	{"properties", properties},
	{"large", large},
	{"too-large", tooLarge},
	{"order", order},
	{"positions", positions},
	{"broker-time", brokerTime},
	{"seen", seen},
	{"partitions", partitions},
	{"channels", channels},
	{"two-taps", twoTaps},
	{"competing-consumer", competingConsumer},
	{"undisturbed", undisturbed},
	{"start-beginning", startBeginning},
	{"start-offset", startOffset},
	{"start-time", startTime},
	{"catch-up", catchUp},
	{"catch-up-load", catchUpLoad},
	{"catch-up-blocked", catchUpBlocked},
	{"catch-up-context", catchUpContext},
	{"close-silent", closeSilent},
	{"close-twice", closeTwice},
	{"close-context", closeContext},
	{"close-removes", closeRemoves},
	{"close-tapper", closeTapper},
	{"goroutines", goroutines},
	{"absent-tap", absentTap},
	{"absent-publish", absentPublish},
	{"untappable", untappable},
	{"unroutable", unroutable},
	{"unreachable", unreachable},
	{"refused", refused},
	{"cancelled-tap", cancelledTap},
	{"plan", plan},
	{"quiet", quiet},
	{"identify", identify},
}
