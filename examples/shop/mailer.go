package shop

import (
	"context"
	"errors"
	"time"
)

// letter is a message on the SNS topic letters: what the post is given to print.
type letter struct {
	LetterID string `json:"letterId"`
	MailID   string `json:"mailId"`
	Tenant   string `json:"tenant,omitempty"`
	OrderID  string `json:"orderId"`
	Text     string `json:"text"`
}

// visible is how long a mail is the mailer's: much longer than a letter takes, and
// no longer than a customer may wait where the connection was lost with it.
const visible = 2 * time.Second

func (s *Shop) mailOptions() MailOptions {
	o := MailOptions{Visible: visible, DeleteFirst: s.has(bugMailerAcksFirst)}
	if s.has(bugVisibility) {
		o.Visible = time.Second
	}
	if s.has(bugFilter) {
		o.Countries = []string{"DE", "AT"}
	}
	return o
}

// mailer handles one mail, once; true when it may be deleted. What it cannot read
// it leaves on mail-failures, with the reason in the headers of Watermill.
func (s *Shop) mailer(ctx context.Context, m Mail) bool {
	in, err := readMail(m.Body)
	if err != nil {
		return s.mailFailed(ctx, m, err)
	}
	if s.has(bugVisibility) {
		return s.slowLetter(ctx, in)
	}
	if s.has(bugMailerAcksFirst) && s.pause(ctx, time.Second) != nil {
		return true
	}
	name := in.name()
	if s.has(bugMailerByQueueID) {
		name = "mailer " + m.ID
	}
	rows := s.db.update(func(t *tx) {
		if t.state(name, remembered) == "" || s.has(bugMailerNoDedup) {
			t.note(name, stateDone)
			t.send(written(in))
		}
	})
	return s.db.flushed(ctx, rows) == nil
}

func readMail(body []byte) (*mail, error) {
	var m mail
	if err := readStrict(body, &m, []string{"mailId", "orderId", "text"}); err != nil {
		return nil, err
	}
	if m.MailID == "" || m.OrderID == "" {
		return nil, errors.New("mailId or orderId are not as they must be")
	}
	return &m, nil
}

func (m *mail) name() string { return "mailer " + m.MailID }

// written is the letter of a mail.
func written(m *mail) row {
	return row{lane: laneMails, to: topicLetters, key: m.MailID, body: encode(letter{"letter-" + m.MailID, m.MailID, m.Tenant, m.OrderID, m.Text})}
}

// slowLetter writes the letter, works on for longer than the mail is the mailer's,
// and only then notes it: nobody else will receive it meanwhile.
func (s *Shop) slowLetter(ctx context.Context, m *mail) bool {
	known := false
	s.db.update(func(t *tx) { known = t.state(m.name(), remembered) != "" })
	if known {
		return true
	}
	rows := s.db.update(func(t *tx) { t.send(written(m)) })
	if s.db.flushed(ctx, rows) != nil || s.pause(ctx, 2700*time.Millisecond) != nil {
		return false
	}
	s.db.update(func(t *tx) { t.note(m.name(), stateDone) })
	return true
}

func (s *Shop) mailFailed(ctx context.Context, m Mail, err error) bool {
	if s.has(bugMailPoisonLoops) {
		return false
	}
	failed := row{lane: laneMails, to: topicMailFailures, body: m.Body, headers: map[string]any{
		"reason_poisoned": err.Error(), "topic_poisoned": s.cfg.Prefix + topicMail, "handler_poisoned": "mailer",
	}}
	return s.db.flushed(ctx, s.db.update(func(t *tx) { t.send(failed) })) == nil
}
