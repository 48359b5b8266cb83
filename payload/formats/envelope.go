package formats

import (
	"fmt"

	"github.com/flowcheck/flowcheck/payload"
)

// envelope is what a message is wrapped in.
type envelope struct {
	name string
	// open returns the message within, nil where there is none, and puts what the
	// envelope says before the headers.
	open func(data []byte, b *payload.Body) ([]byte, error)
}

func envelopeOf(name string) (*envelope, error) {
	known := map[string]envelope{}
	if name == "" {
		return nil, nil
	}
	e, ok := known[name]
	if !ok {
		return nil, fmt.Errorf("there is no envelope %s; there are %s", name, list(known))
	}
	e.name = name
	return &e, nil
}
