package flows

import "github.com/flowcheck/flowcheck/correlate"

// A limit may keep a part of a chain only: Full has lost messages, and a Remnant is
// a part of a chain that was closed early, or may be. What is judged of a part must
// hold of the whole, whatever was in the rest.

// partial reports whether the chain may have had more messages than are kept.
func (j *judge) partial() bool { return j.chain.Full || j.chain.Remnant }

// mayRepeat reports whether e may be a further copy of a message that is not kept,
// so that the whole chain would pass it over.
func (j *judge) mayRepeat(e *correlate.Entry) bool {
	return j.partial() && (e.Copy || j.flow.Channels[e.Channel].Redeliveries != RedeliveriesJudged)
}

// mayHaveMore reports whether more messages of the step may have been than are
// kept.
func (j *judge) mayHaveMore(s int) bool {
	o := &j.steps[s]
	n := len(o.came())
	return j.partial() && (n == 0 || o.max < 0 || n < o.max)
}

// firmBase reports whether what the step's deadline counts from is all there.
func (j *judge) firmBase(step *Step) bool {
	for _, a := range step.After {
		if j.mayHaveMore(a) {
			return false
		}
		if last := j.steps[a].last(); last != nil && j.mayRepeat(last) {
			return false
		}
	}
	return true
}
