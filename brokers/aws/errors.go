package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/flowcheck/flowcheck/brokers"
)

// failure says what went wrong while doing something: it wraps ctx's error where
// ctx has ended, else the error of package brokers that it amounts to. The
// broker's own words follow, on one line and bounded.
func failure(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if meaning := meaningOf(err); meaning != nil {
		return fmt.Errorf("%s: %w: %s", doing, meaning, plain(err))
	}
	return fmt.Errorf("%s: %s", doing, plain(err))
}

// meaningOf is the error of package brokers that an SDK error amounts to, or nil.
func meaningOf(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return meaningOfCode(codeOf(err), api.ErrorMessage())
	}
	if brokers.TLSTrouble(err) != "" {
		return brokers.ErrRefused
	}
	if isOf[*smithyhttp.RequestSendError](err) || isOf[net.Error](err) || isOf[*smithy.DeserializationError](err) ||
		errors.Is(err, context.DeadlineExceeded) {
		return brokers.ErrUnreachable
	}
	return nil
}

// meaningOfCode knows the codes of SNS, SQS, STS and of the gate before them
// (see "Common errors" in their API references), in the spellings of the JSON
// and the query protocol.
func meaningOfCode(code, text string) error {
	switch strings.TrimSuffix(code, "Exception") {
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue", "NotFound", "ResourceNotFound":
		return brokers.ErrAbsent
	case "AccessDenied", "AuthorizationError", "NotAuthorized", "OptInRequired", "InvalidClientTokenId",
		"SignatureDoesNotMatch", "UnrecognizedClient", "InvalidAccessKeyId", "ExpiredToken", "IncompleteSignature",
		"MissingAuthenticationToken", "InvalidSecurity", "InvalidSignature",
		"KmsAccessDenied", "KMSAccessDenied":
		return brokers.ErrRefused
	case "MessageTooLong":
		return brokers.ErrTooLarge
	case "InvalidParameter", "InvalidParameterValue", "InvalidAttributeValue":
		text = strings.ToLower(text)
		if strings.Contains(text, "must be shorter than") || strings.Contains(text, "too long") || text == "messagetoolong" {
			return brokers.ErrTooLarge
		}
	case codeUnknown:
		return brokers.ErrUnreachable // something answers, but it does not speak SQS
	}
	return nil
}

// isAbsent tells whether the broker said that there is no such thing.
func isAbsent(err error) bool { return errors.Is(meaningOf(err), brokers.ErrAbsent) }

// neverSent tells whether the request surely did not reach the broker.
func neverSent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || isOf[*tls.CertificateVerificationError](err)
}

// fateUnknown tells whether the broker may have taken the message all the same.
func fateUnknown(err error) bool {
	var response *smithyhttp.ResponseError
	switch {
	case isOf[smithy.APIError](err):
		return codeOf(err) == codeUnknown || errors.As(err, &response) && response.HTTPStatusCode() >= 500
	case neverSent(err):
		return false
	default:
		return isOf[*smithyhttp.RequestSendError](err) || isOf[*smithy.DeserializationError](err) || isOf[*smithy.CanceledError](err)
	}
}

// codeUnknown is the SDK's word for an error answer without a code.
const codeUnknown = "UnknownError"

// codeOf is the broker's code for an error, or "". ElasticMQ puts a name space
// before it.
func codeOf(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	code := api.ErrorCode()
	return code[strings.LastIndexByte(code, '#')+1:]
}

// isOf tells whether err has an E in it.
func isOf[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// maxErrorText bounds what is shown of a broker's answer, in bytes.
const maxErrorText = 500

// plain puts an SDK error into few words: what the broker said, or why nobody
// could be asked. The SDK never shows the secret key.
func plain(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(words(err), "?")), " ")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}

// words are the words of the innermost error that says what happened.
func words(err error) string {
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	var garbled *smithy.DeserializationError
	var op *net.OpError
	var sent *url.Error
	switch {
	case errors.As(err, &api) && codeOf(err) != codeUnknown:
		return codeOf(err) + ": " + api.ErrorMessage()
	case api != nil && errors.As(err, &response):
		return fmt.Sprintf("the answer (HTTP status %d) is not SNS's or SQS's: is the endpoint right?", response.HTTPStatusCode())
	case brokers.TLSTrouble(err) != "":
		return brokers.TLSTrouble(err)
	case errors.As(err, &op):
		return op.Error()
	case errors.As(err, &garbled) && garbled.Err != nil:
		return "the answer is not SNS's or SQS's: is the endpoint right? " + garbled.Err.Error()
	case errors.As(err, &sent):
		return sent.Err.Error()
	default:
		return err.Error()
	}
}
