package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/IBM/sarama"
	"github.com/eapache/go-resiliency/breaker"

	"github.com/flowcheck/flowcheck/brokers"
)

// failed wraps err with what was being done and with the sentinel that callers
// branch on.
func failed(what string, err error) error {
	kind := kindOf(err)
	switch {
	case kind == nil || errors.Is(err, kind):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(kind, brokers.ErrRefused) && brokers.TLSTrouble(err) != "":
		return fmt.Errorf("%s: %w: %s", what, kind, brokers.TLSTrouble(err))
	default:
		return fmt.Errorf("%s: %w: %w", what, kind, err)
	}
}

// kindOf is the sentinel of brokers for an error of sarama or the network, nil
// where there is none.
func kindOf(err error) error {
	switch {
	case errors.Is(err, brokers.ErrSettings):
		return brokers.ErrSettings
	case errors.Is(err, brokers.ErrRefused), isRefusal(err):
		return brokers.ErrRefused
	case isAny(err, sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidPartition, brokers.ErrAbsent):
		return brokers.ErrAbsent
	case isAny(err, sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge, brokers.ErrTooLarge):
		return brokers.ErrTooLarge
	case errors.Is(err, context.Canceled):
		return nil
	case isTransport(err):
		return brokers.ErrUnreachable
	}
	return nil
}

// isRefusal: the login, the certificate or the permission.
func isRefusal(err error) bool {
	if isAny(err, sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrSecurityDisabled) {
		return true
	}
	return brokers.TLSTrouble(err) != ""
}

// isTransport: no answer, or none that means anything.
func isTransport(err error) bool {
	var network net.Error
	return errors.As(err, &network) || isAny(err, brokers.ErrUnreachable, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
		context.DeadlineExceeded, breaker.ErrBreakerOpen, sarama.ErrOutOfBrokers, sarama.ErrNotConnected, sarama.ErrBrokerNotFound,
		sarama.ErrLeaderNotAvailable, sarama.ErrBrokerNotAvailable, sarama.ErrNotLeaderForPartition,
		sarama.ErrRequestTimedOut, sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend,
		sarama.ErrReplicaNotAvailable, sarama.ErrOffsetNotAvailable)
}

// isAny reports whether err is one of the others.
func isAny(err error, others ...error) bool {
	for _, other := range others {
		if errors.Is(err, other) {
			return true
		}
	}
	return false
}
