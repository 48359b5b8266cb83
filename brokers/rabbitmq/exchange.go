package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
)

// delayed is the type of the delayed message exchange, which routes as another
// type does, later.
const delayed = "x-delayed-message"

// reshuffling are the types at which one more binding takes messages from the
// queues that are bound already.
var reshuffling = map[string]bool{
	"x-consistent-hash": true,
	"x-modulus-hash":    true,
	"x-random":          true,
	"x-local-random":    true,
}

// tappable tells whether one more binding to an exchange of this type leaves the
// others as they are.
func tappable(exchange, kind string) error {
	switch {
	case kind == amqp091.ExchangeDirect, kind == amqp091.ExchangeFanout, kind == amqp091.ExchangeTopic, kind == amqp091.ExchangeHeaders:
		return nil
	case reshuffling[kind]:
		return fmt.Errorf("exchange %s %w: it is of type %s, where one more binding takes messages away from the bound queues; tap: firehose sees it without a binding", exchange, brokers.ErrNotTappable, kind)
	}
	return fmt.Errorf("exchange %s %w: it is of type %s, and what one more binding does there is not known; tap: firehose sees it without a binding", exchange, brokers.ErrNotTappable, kind)
}

// exchangeType finds out how an exchange routes. A management API that was named
// is asked before the broker by AMQP, one that was guessed only after it.
func (t *tapper) exchangeType(ctx context.Context, exchange string) (string, error) {
	asks := []func(context.Context, string) (string, error){t.typeByProbe, t.typeByAPI}
	if !t.api.guessed {
		slices.Reverse(asks)
	}
	var found string
	var failed []error
	for _, ask := range asks {
		kind, err := ask(ctx, exchange)
		switch {
		case errors.Is(err, brokers.ErrAbsent) || ctx.Err() != nil:
			return "", errors.Join(err, ctx.Err())
		case err != nil:
			failed = append(failed, err)
		case kind != delayed:
			return kind, nil
		default:
			found = kind // the API would know what it delays
		}
	}
	if found == "" {
		return "", fmt.Errorf("exchange %s: its type must be known before it is bound: give the login the tag management, or let it configure the exchange: %w", exchange, errors.Join(failed...))
	}
	return found, nil
}

func (t *tapper) typeByAPI(ctx context.Context, exchange string) (string, error) {
	if err := t.askable(ctx); err != nil {
		return "", err
	}
	x, err := t.api.exchange(ctx, exchange)
	if errors.Is(err, brokers.ErrAbsent) {
		return "", fmt.Errorf("exchange %s: %w; flowcheck creates none: create it, or correct its name or that of management", exchange, err)
	}
	if err != nil {
		return "", fmt.Errorf("exchange %s: %w", exchange, err)
	}
	if inner, ok := x.Arguments["x-delayed-type"].(string); ok && x.Type == delayed {
		return inner, nil
	}
	return x.Type, nil
}

// currentType is how the broker names the type in its refusal of a declaration,
// in double quotes if it is no Erlang word.
var currentType = regexp.MustCompile(`inequivalent arg 'type' .*but current is '+([^']+)'`)

// typeByProbe asks by a declaration that cannot succeed: the alternate exchange
// has to be a text, so that nothing is created where there is no exchange; where
// there is one, another type is told first. The answer closes the AMQP channel.
func (t *tapper) typeByProbe(ctx context.Context, exchange string) (string, error) {
	var answer error
	err := t.control.do(ctx, func(ch *amqp091.Channel) error {
		if err := ch.ExchangeDeclarePassive(exchange, "headers", false, false, false, false, nil); err != nil {
			return fmt.Errorf("exchange %s: %w", exchange, replyError(err))
		}
		answer = ch.ExchangeDeclare(exchange, "headers", false, true, false, false, amqp091.Table{"alternate-exchange": int32(1)})
		if code(answer) == 0 {
			return replyError(answer) // no answer: the connection is lost
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	var reply *amqp091.Error
	if !errors.As(answer, &reply) || reply.Code != amqp091.PreconditionFailed {
		return "", fmt.Errorf("ask exchange %s for its type: %w", exchange, replyError(answer))
	}
	if m := currentType.FindStringSubmatch(reply.Reason); m != nil {
		return m[1], nil
	}
	return amqp091.ExchangeHeaders, nil // the type was not what it minded
}
