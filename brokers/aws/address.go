package aws

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// queueRef is a queue as a channel names it. What the channel does not say is "".
type queueRef struct {
	name    string
	account string
	region  string
	url     string // only where the channel gives the URL
}

// parseQueue reads a queue's name, URL or ARN.
func parseQueue(ref string) (queueRef, error) {
	switch {
	case arn.IsARN(ref):
		a, err := arn.Parse(ref)
		if err != nil || a.Service != "sqs" || a.Region == "" || a.AccountID == "" {
			return queueRef{}, fmt.Errorf("%q is no ARN of a queue: arn:aws:sqs:region:account:name", ref)
		}
		return queueRef{name: a.Resource, account: a.AccountID, region: a.Region}, checkName(a.Resource, maxQueueName)
	case strings.Contains(ref, "://"):
		account, name, err := splitQueueURL(ref)
		if err != nil {
			return queueRef{}, err
		}
		return queueRef{name: name, account: account, url: ref}, checkName(name, maxQueueName)
	default:
		return queueRef{name: ref}, checkName(ref, maxQueueName)
	}
}

// splitQueueURL takes account and name from the end of a queue's URL, which has
// the form https://host/account/name.
func splitQueueURL(raw string) (account, name string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("%q is no URL of a queue: https://sqs.region.amazonaws.com/account/name", raw)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return "", "", fmt.Errorf("%q is no URL of a queue: https://sqs.region.amazonaws.com/account/name", raw)
	}
	return parts[len(parts)-2], parts[len(parts)-1], nil
}

// matches tells whether the ARN of a queue is that of the queue meant by q.
func (q queueRef) matches(queueARN string) bool {
	a, err := arn.Parse(queueARN)
	return err == nil && a.Service == "sqs" && a.Resource == q.name &&
		(q.account == "" || q.account == a.AccountID) && (q.region == "" || q.region == a.Region)
}

// isFIFO tells by its name whether a topic or queue is FIFO: AWS allows the
// suffix on those alone.
func isFIFO(name string) bool { return strings.HasSuffix(name, fifoSuffix) }

// namePrefix begins the name of everything that a tap creates.
const namePrefix = "flowcheck-"

// tapQueueName makes a fresh name for the queue of a tap: flowcheck-run-channel-
// and eight random hex digits, shortened to what SQS takes.
func tapQueueName(run, channel string, fifo bool) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // crypto/rand.Read never fails
	end := "-" + hex.EncodeToString(random[:])
	if fifo {
		end += fifoSuffix
	}
	name := namePrefix + plainName(run+"-"+channel)
	name = name[:min(len(name), maxQueueName-len(end))]
	return strings.TrimRight(name, "-") + end
}

// plainName replaces what a queue's name may not hold.
func plainName(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if nameRune(r) {
			return r
		}
		return '-'
	}, s), "-")
}
