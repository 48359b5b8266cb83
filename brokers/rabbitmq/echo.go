package rabbitmq

import (
	"context"
	"sync"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// echoEvery is how often a marker is sent again: a full queue may drop it.
const echoEvery = time.Second

// echoes are the markers that CatchUps wait for. The zero value has none.
type echoes struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

// expect returns a channel that is closed when the marker has come.
func (e *echoes) expect(id string) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == nil {
		e.waiting = map[string]chan struct{}{}
	}
	e.waiting[id] = make(chan struct{})
	return e.waiting[id]
}

// came tells that all before the marker has been sent to Events.
func (e *echoes) came(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if waiting, ok := e.waiting[id]; ok {
		close(waiting)
		delete(e.waiting, id)
	}
}

func (e *echoes) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waiting, id)
}

// catchUp sends a marker through the tap's queue, which is first in, first out:
// when it arrives, all that the queue took before it has arrived.
func (q *queueReader) catchUp(ctx context.Context) (brokers.Caught, error) {
	if err := q.traced(ctx); err != nil {
		return brokers.Caught{}, q.state.failed(q.name(), err)
	}
	id := token()
	done := q.echoes.expect(id)
	defer q.echoes.forget(id)
	again := time.NewTicker(echoEvery)
	defer again.Stop()
	for {
		queue, changed := q.state.get()
		if queue != "" {
			if err := q.tap.tapper.echo(ctx, queue, id); err != nil {
				q.tap.log.Debug("marker not sent", "queue", queue, "reason", err)
			}
		}
		select {
		case <-done:
			return q.caught(), nil
		case <-ctx.Done():
			return brokers.Caught{}, q.state.failed(q.name(), ctx.Err())
		case <-changed:
		case <-again.C:
		}
	}
}

// caught says how sure it is: the firehose is no part of what a publisher's
// confirm waits for, and works node by node.
func (q *queueReader) caught() brokers.Caught {
	if q.traces {
		return brokers.Caught{Reason: "RabbitMQ confirms a message without waiting for its copy in the firehose"}
	}
	return brokers.Caught{Exact: true}
}

// traced looks whether the firehose is still on: others may switch it off.
func (q *queueReader) traced(ctx context.Context) error {
	if !q.traces {
		return nil
	}
	wasOff, err := q.tap.trace(ctx)
	if wasOff {
		q.tap.gap(q.name(), time.Now(), "somebody had switched tracing off")
	}
	return err
}
