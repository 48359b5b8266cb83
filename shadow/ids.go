package shadow

import "github.com/flowcheck/flowcheck/message"

// maxIDs is how many of a channel's last message ids are known at least.
const maxIDs = 50_000

// ids are the names of the messages of channels without numbers: what a tap had
// not deleted yet when its process died comes again.
type ids map[string]*recent

// recent are the last ids of a channel.
type recent struct{ young, old map[string]struct{} }

// take notes a message. It returns false for one that was told before.
func (i ids) take(o *message.Observation) bool {
	if o == nil || o.Position.Kind != message.Opaque {
		return true
	}
	r := i[o.Channel]
	if r == nil {
		r = &recent{young: map[string]struct{}{}}
		i[o.Channel] = r
	}
	id := o.Position.ID
	if _, told := r.young[id]; told {
		return false
	}
	if _, told := r.old[id]; told {
		return false
	}
	if len(r.young) == maxIDs {
		r.old, r.young = r.young, map[string]struct{}{}
	}
	r.young[id] = struct{}{}
	return true
}

// schemas are what taps have told of registries, by channel and name: each segment
// of a journal begins with them, so that it can be read alone.
type schemas map[[2]string]message.Mark

func (s schemas) take(e *message.Event) {
	if e.Mark != nil && e.Mark.Kind == message.MarkSchema {
		s[[2]string{e.Mark.Channel, e.Mark.ID}] = *e.Mark
	}
}
