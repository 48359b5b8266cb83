package rabbitmq

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/oauth"
)

// connectError puts a failed connection into the words of package brokers.
func connectError(err error) error {
	var reply *amqp091.Error
	if errors.As(err, &reply) {
		switch {
		case reply.Code == amqp091.NotAllowed && strings.Contains(reply.Reason, "not found"):
			return fmt.Errorf("%w: %s", brokers.ErrAbsent, reply.Reason)
		case reply.Code == amqp091.AccessRefused, reply.Code == amqp091.NotAllowed:
			return fmt.Errorf("%w: %s", brokers.ErrRefused, refusal(reply))
		}
		if trouble := brokers.TLSTrouble(errors.New(reply.Reason)); trouble != "" { // the library keeps the text only
			return fmt.Errorf("%w: %s", brokers.ErrRefused, trouble)
		}
		return fmt.Errorf("%w: %s", brokers.ErrUnreachable, reply.Reason)
	}
	if trouble := brokers.TLSTrouble(err); trouble != "" {
		return fmt.Errorf("%w: %s", brokers.ErrRefused, trouble)
	}
	return fmt.Errorf("%w: %w", brokers.ErrUnreachable, err)
}

// replyError puts the broker's answer to a method into the words of package
// brokers. What is no answer is a lost connection.
func replyError(err error) error {
	var reply *amqp091.Error
	if !errors.As(err, &reply) || !reply.Server {
		return fmt.Errorf("%w: %w", brokers.ErrUnreachable, err)
	}
	switch reply.Code {
	case amqp091.NotFound:
		return fmt.Errorf("%w: %s", brokers.ErrAbsent, reply.Reason)
	case amqp091.AccessRefused, amqp091.NotAllowed:
		return fmt.Errorf("%w: %s", brokers.ErrRefused, refusal(reply))
	case amqp091.ResourceLocked:
		return fmt.Errorf("%w: %s", brokers.ErrNotTappable, reply.Reason)
	case amqp091.ConnectionForced, amqp091.InternalError:
		return fmt.Errorf("%w: %s", brokers.ErrUnreachable, reply.Reason)
	}
	return fmt.Errorf("the broker says: %s", reply.Reason)
}

// refusal is what the broker says, with the way out of a token that has run out.
func refusal(reply *amqp091.Error) string {
	if strings.Contains(reply.Reason, "token has expired") {
		return reply.Reason + ": " + oauth.Renewal
	}
	return reply.Reason
}

// needing is replyError for a method that takes a permission, which it names.
func needing(permission string, err error) error {
	if code(err) == amqp091.AccessRefused {
		if strings.Contains(err.Error(), "access to topic") {
			permission += ", with a topic permission for the routing key (rabbitmqctl set_topic_permissions, or in a token the scope read:VHOST/EXCHANGE/*)"
		}
		return fmt.Errorf("%w: the login needs %s", replyError(err), permission)
	}
	return replyError(err)
}

// code is the reply code of an answer of the broker, or 0.
func code(err error) int {
	var reply *amqp091.Error
	if errors.As(err, &reply) && reply.Server {
		return reply.Code
	}
	return 0
}

// undecodable tells whether a connection ended because the client library could
// not read what the broker sent (https://github.com/rabbitmq/amqp091-go/issues/302).
func undecodable(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, amqp091.ErrSyntax.Reason) || strings.Contains(text, amqp091.ErrFrame.Reason) ||
		strings.Contains(text, amqp091.ErrFrameTooLarge.Reason)
}

// cause words why a connection or channel was lost.
func cause(err error) string {
	var reply *amqp091.Error
	switch {
	case undecodable(err):
		return "a message that the client library cannot decode: " + amqp091.ErrSyntax.Reason
	case errors.As(err, &reply) && reply.Server:
		return refusal(reply)
	case err != nil:
		return err.Error()
	}
	return "the connection was closed"
}
