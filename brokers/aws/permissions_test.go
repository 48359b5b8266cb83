package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// statement of an IAM policy.
type statement struct {
	Sid, Effect string
	Action      any
	Resource    string
}

type policy struct {
	Version   string
	Statement []statement
}

// documentedPolicy is the policy of docs/aws.md, for the emulator's account.
func documentedPolicy(t *testing.T) policy {
	t.Helper()
	text, err := os.ReadFile("../../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/aws.md has no policy")
	}
	var p policy
	if err := json.Unmarshal([]byte(strings.ReplaceAll(block, "123456789012", "000000000000")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// actions of a statement.
func (s statement) actions() []string {
	switch a := s.Action.(type) {
	case string:
		return []string{a}
	case []string:
		return a
	default:
		var all []string
		for _, one := range a.([]any) {
			all = append(all, one.(string))
		}
		return all
	}
}

// without is the policy less one action, in every statement or in that of sid.
func (p policy) without(action string) policy {
	sid, bare, found := strings.Cut(action, "/")
	if !found {
		sid, bare = "", action
	}
	less := policy{Version: p.Version}
	for _, s := range p.Statement {
		keep := s.actions()
		if sid == "" || sid == s.Sid {
			keep = slices.DeleteFunc(keep, func(a string) bool { return a == bare })
		}
		if len(keep) > 0 {
			s.Action = keep
			less.Statement = append(less.Statement, s)
		}
	}
	return less
}

// asMinistackHasIt adds actions that AWS does not have: there the permission for
// one message is the one for a batch (API reference of DeleteMessageBatch).
func (p policy) asMinistackHasIt() policy {
	all := policy{Version: p.Version}
	for _, s := range p.Statement {
		var actions []string
		for _, a := range s.actions() {
			actions = append(actions, a)
			if a == "sqs:DeleteMessage" || a == "sqs:ChangeMessageVisibility" {
				actions = append(actions, a+"Batch")
			}
		}
		s.Action = actions
		all.Statement = append(all.Statement, s)
	}
	return all
}

// iam calls the emulator's IAM, which the adapter has no client for.
func (e *emulator) iam(t *testing.T, params map[string]string) []byte {
	t.Helper()
	form := url.Values{"Version": {"2010-05-08"}}
	for k, v := range params {
		form.Set(k, v)
	}
	body := form.Encode()
	req, err := http.NewRequestWithContext(timeout(t), http.MethodPost, e.cfg.Endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	login := aws.Credentials{AccessKeyID: e.cfg.Username, SecretAccessKey: e.cfg.Password}
	if err := v4.NewSigner().SignHTTP(timeout(t), login, req, hex.EncodeToString(sum[:]), "iam", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s (%v)", params["Action"], res.Status, answer, err)
	}
	return answer
}

// login makes a user with that policy.
func (e *emulator) login(t *testing.T, p policy) brokers.Config {
	t.Helper()
	user := fresh("user")
	p = p.asMinistackHasIt()
	e.iam(t, map[string]string{"Action": "CreateUser", "UserName": user})
	e.iam(t, map[string]string{"Action": "PutUserPolicy", "UserName": user, "PolicyName": "p", "PolicyDocument": asJSON(t, p)})
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal(e.iam(t, map[string]string{"Action": "CreateAccessKey", "UserName": user}), &key); err != nil {
		t.Fatal(err)
	}
	cfg := e.cfg
	cfg.Username, cfg.Password = key.ID, key.Secret
	return cfg
}

// work taps a topic, asks whether all is quiet, reads a message and closes.
func work(t *testing.T, system *emulator, cfg brokers.Config, ch brokers.Channel) (brokers.Quiescence, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(timeout(t), patience/2)
	defer cancel()
	opened, err := openTapper(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	events := make(chan message.Event, 10)
	tap, err := opened.Tap(ctx, brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: events})
	if err != nil {
		return brokers.Quiescence{}, err
	}
	publish(t, system.publisher(t), ch, text("hello"))
	q, err := opened.(brokers.Watcher).Quiet(ctx, []brokers.Channel{ch})
	if err == nil {
		_, err = tap.CatchUp(ctx)
	}
	if err == nil && len(events) != 1 {
		err = errors.New("the message did not come")
	}
	return q, errors.Join(err, tap.Close(ctx))
}

// The policy in the documentation is enough, also for SNS to deliver by the
// queue's own policy, and each action that it calls necessary is. (Ministack
// does not ask for sqs:TagQueue.)
func TestDocumentedPermissions(t *testing.T) {
	system := strictMinistack(t)
	topic, queue := system.topic(t, fresh("mail")), fresh("mails")
	queueURL := system.queue(t, queue, map[string]string{"Policy": asJSON(t, map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*",
		}},
	})})
	system.subscribe(t, topic, queueURL, nil)
	full := documentedPolicy(t)
	plain := brokers.Channel{Name: "mails", SNS: topic}
	filtered := brokers.Channel{Name: "mails", SNS: topic, SQS: queue}
	for _, tt := range []struct {
		less    string
		ch      brokers.Channel
		refused string // a part of the error
		known   bool   // whether all is quiet
	}{
		{"", plain, "", true},
		{"", filtered, "", true},
		{"sns:GetTopicAttributes", plain, "sns:GetTopicAttributes", false},
		{"sns:Subscribe", plain, "sns:Subscribe", false},
		{"sqs:CreateQueue", plain, "sqs:CreateQueue", false},
		{"sqs:GetQueueAttributes", plain, "sqs:GetQueueAttributes", false},
		{"sns:Unsubscribe", plain, "sns:Unsubscribe", true},
		{"sqs:DeleteQueue", plain, "sqs:DeleteQueue", true},
		{"sqs:ReceiveMessage", plain, "sqs:ReceiveMessage", false},
		{"sqs:DeleteMessage", plain, "sqs:DeleteMessage", true},
		{"sns:GetSubscriptionAttributes", filtered, "sns:GetSubscriptionAttributes", false},
		{"sns:GetSubscriptionAttributes", plain, "", true},
		{"sns:ListSubscriptionsByTopic", filtered, "sns:ListSubscriptionsByTopic", false},
		{"sns:ListSubscriptionsByTopic", plain, "", false},
		{"sqs:ListQueues", plain, "", true},
		{"sqs:ListQueueTags", plain, "", true},
		{"sqs:ChangeMessageVisibility", plain, "", true},
		{"IsAllQuiet/sqs:GetQueueAttributes", plain, "", false},
		{"IsAllQuiet/sqs:GetQueueUrl", plain, "", false},
	} {
		t.Run("without "+tt.less, func(t *testing.T) {
			cfg := system.login(t, full.without(tt.less))
			cfg.RunID = fresh("run")
			q, err := work(t, system.emulator, cfg, tt.ch)
			if tt.refused == "" && err != nil {
				t.Fatal(err)
			}
			if tt.refused != "" && (!errors.Is(err, brokers.ErrRefused) || !strings.Contains(err.Error(), tt.refused)) {
				t.Fatalf("want ErrRefused that names %s, got: %v", tt.refused, err)
			}
			if q.Known != tt.known {
				t.Errorf("quiet: %+v", q)
			}
			if strings.Contains(tt.less, "Unsubscribe") || strings.Contains(tt.less, "DeleteQueue") {
				return
			}
			if left, _ := system.leftovers(t, cfg.RunID, ""); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
