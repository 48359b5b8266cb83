package rabbitmq

import (
	"context"
	"fmt"

	"github.com/flowcheck/flowcheck/brokers"
)

// Plan asks what Tap would ask, and creates nothing.
func (t *tapper) Plan(ctx context.Context, cfg brokers.TapConfig) ([]brokers.Action, error) {
	var actions []brokers.Action
	for _, ch := range cfg.Channels {
		tg, err := t.resolve(ctx, ch)
		if err != nil {
			return nil, err
		}
		actions = append(actions, t.planned(tg, cfg.Durable)...)
	}
	return actions, nil
}

func (t *tapper) planned(tg target, durable bool) []brokers.Action {
	ch := tg.channel
	if ch.Stream != "" {
		return []brokers.Action{
			{Verb: "ask", Object: "the management API whether " + ch.Stream + " is a stream", Permission: "the tag management"},
			{Verb: "read", Object: "stream " + ch.Stream, Permission: "to read " + ch.Stream},
		}
	}
	name, stays := prefix+cleanName(t.address.run)+"-"+cleanName(ch.Name), "gone with the connection"
	switch {
	case durable:
		stays = fmt.Sprintf("durable, gone when nobody has read it for %v", t.limits.expires)
	case ch.Reply != "":
		name = ch.Reply
	default:
		name += "-…"
	}
	actions := t.plannedQuestions(tg)
	actions = append(actions,
		brokers.Action{Verb: "create", Object: fmt.Sprintf("queue %s, at most %d messages or %d MiB, %s", name, t.limits.messages, t.limits.bytes>>20, stays), Permission: ownPermission},
		brokers.Action{Verb: "create", Object: "queue " + name + "-drops, for the last message that the first one dropped", Permission: ownPermission},
		brokers.Action{Verb: "create", Object: "exchange " + name + ", for drops and markers", Permission: ownPermission},
	)
	if durable {
		actions = append(actions, brokers.Action{Verb: "create", Object: "queue " + name + "-place, for how far it was read", Permission: ownPermission})
	}
	for _, b := range tg.bindings {
		actions = append(actions, brokers.Action{
			Verb:       "bind",
			Object:     fmt.Sprintf("the queue to exchange %s with key %q", b.exchange, b.key),
			Permission: "to read " + b.exchange,
		})
	}
	return append(actions, brokers.Action{Verb: "read", Object: "queue " + name, Permission: ownPermission})
}

// plannedQuestions are what is asked or switched before a queue is made.
func (t *tapper) plannedQuestions(tg target) []brokers.Action {
	ch := tg.channel
	var actions []brokers.Action
	if ch.Exchange != "" && tg.trace == nil {
		actions = append(actions, brokers.Action{Verb: "ask", Object: "for the type of exchange " + ch.Exchange, Permission: "the tag management, or to configure " + ch.Exchange})
	}
	if ch.Queue != "" {
		actions = append(actions, brokers.Action{Verb: "ask", Object: "the management API for the bindings of queue " + ch.Queue, Permission: "the tag management"})
	}
	if tg.trace != nil {
		actions = append(actions, brokers.Action{
			Verb:       "switch on",
			Object:     fmt.Sprintf("tracing in vhost %s for %s%s, off again at the end if it was off", t.address.vhost, ch.Exchange, ch.Queue),
			Permission: "the tag administrator",
		})
	}
	return actions
}
