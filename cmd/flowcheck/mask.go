package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/flowcheck/flowcheck/message"
	"github.com/flowcheck/flowcheck/payload"
)

func newMask(a *app) *cobra.Command {
	var out, key string
	var paths []string
	cmd := &cobra.Command{
		Use:   "mask RECORDING -o FILE",
		Short: "Replace personal data in a recording, so that ids still tie",
		Long: `Replace personal data in a recording by hashes: e-mail addresses, IBANs and card
numbers wherever they stand, and what --path names in bodies of JSON, keys and
headers. A value is replaced in all bodies, keys, headers and ids, by the same
hash everywhere, so that ids still tie; within a longer text, XML as well, where
it stands as words of its own and has four characters or more. The hashes are salted: with the same --salt two recordings
have the same hashes, without it nobody can look a value up.

A body that is neither JSON nor text is replaced as a whole: to mask parts of
Avro or Protobuf, record with mask: in the flow file.`,
		Example: `  flowcheck mask day.jsonl.zst -o masked.jsonl.zst
  flowcheck mask day.jsonl -o masked.jsonl --path body.customer.name --path 'headers["user"]' --path key`,
		Args: takes("one RECORDING", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case out == "":
				return input(errors.New("mask needs -o FILE"))
			case out == args[0]:
				return input(errors.New("mask does not overwrite the recording: name another file by -o"))
			case args[0] == "-":
				return input(errors.New("mask reads the recording twice: name a file"))
			}
			m := &masker{salt: key, values: map[string]bool{}, spans: map[string][]span{}}
			if m.salt == "" {
				m.salt = salt()
			}
			for _, path := range paths {
				if err := m.add(path); err != nil {
					return input(err)
				}
			}
			return a.mask(cmd.Context(), m, args[0], out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the masked recording: `FILE` (.jsonl or .jsonl.zst)")
	cmd.Flags().StringArrayVar(&paths, "path", nil, "what to mask besides: `PATH` such as body.customer.name, headers[\"user\"] or key; repeatable")
	cmd.Flags().StringVar(&key, "salt", "", "`TEXT` that goes into the hashes; by default fresh each time")
	return cmd
}

// masker replaces personal data. What it replaces is collected before.
type masker struct {
	salt    string
	bodies  [][]string // paths
	headers []string
	key     bool
	values  map[string]bool // whole values, wherever they stand
	spans   map[string][]span
	whole   int // bodies that were replaced as a whole
}

var (
	headerPath = regexp.MustCompile(`^headers\["([^"]+)"\]$`)
	bodyPath   = regexp.MustCompile(`^body(\.[^.\[\]"]+)+$`)
	email      = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+`)
	iban       = regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?\b`)
	card       = regexp.MustCompile(`\b[0-9]([ \-]?[0-9]){12,18}\b`)
)

func (m *masker) add(path string) error {
	switch name := headerPath.FindStringSubmatch(path); {
	case path == "key":
		m.key = true
	case name != nil:
		m.headers = append(m.headers, name[1])
	case bodyPath.MatchString(path):
		m.bodies = append(m.bodies, strings.Split(path, ".")[1:])
	default:
		return fmt.Errorf("--path %s: write body.customer.name, headers[\"user\"] or key; a list on the way stands for all its items", path)
	}
	return nil
}

// maxMasked bounds how many different values are replaced.
const maxMasked = 5_000_000

// mask reads the recording twice: for what is to be replaced, and to replace it.
func (a *app) mask(ctx context.Context, m *masker, in, out string) error {
	err := a.eachEvent(ctx, in, nil, func(e message.Event) error {
		if e.Observation != nil {
			m.collect(&e.Observation.Message)
		}
		if len(m.values) > maxMasked {
			return fmt.Errorf("more than %d different values are to be masked", maxMasked)
		}
		return nil
	})
	if err != nil {
		return err
	}
	tape, err := a.newTape(out)
	if err != nil {
		return input(err)
	}
	messages := 0
	err = a.eachEvent(ctx, in, tape.Begin, func(e message.Event) error {
		if e.Observation != nil {
			messages++
			o := e.Observation.Clone()
			m.message(&o.Message)
			e.Observation = o
		} else {
			e.Mark = m.mark(e.Mark)
		}
		return tape.Event(e)
	})
	if closeErr := tape.close(); closeErr != nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "%s: %s, %s masked\n", out, count(messages, "message"), count(len(m.values), "value"))
	if m.whole > 0 {
		fmt.Fprintf(a.err, "flowcheck: %s neither JSON nor text, and replaced as a whole\n", count(m.whole, "body is, or bodies are,"))
	}
	return nil
}

// eachEvent reads a recording.
func (a *app) eachEvent(ctx context.Context, name string, begin func(message.RecordingHeader) error, do func(message.Event) error) error {
	in, closeInput, err := a.openRecording(name)
	if err != nil {
		return input(err)
	}
	defer closeInput()
	reader, err := message.NewReader(in)
	if err != nil {
		return input(fmt.Errorf("%s: %w", name, err))
	}
	if begin != nil {
		if err := begin(reader.Header()); err != nil {
			return trouble(err)
		}
	}
	for ctx.Err() == nil {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return input(fmt.Errorf("%s: %w", name, err))
		}
		if err := do(e); err != nil {
			return trouble(err)
		}
	}
	return ctx.Err()
}

// collect notes the values that the paths lead to.
func (m *masker) collect(msg *message.Message) {
	if m.key && msg.Key != nil {
		m.note(string(msg.Key))
	}
	for _, h := range msg.Headers {
		if text, ok := h.Value.(string); ok && slices.Contains(m.headers, h.Name) {
			m.note(text)
		}
	}
	body, err := payload.Decode(msg.Payload)
	if err != nil {
		return
	}
	for _, path := range m.bodies {
		m.collectAt(body, path)
	}
	m.walk(body, func(s string) string {
		if s != "" && personal(s) {
			m.note(s)
		}
		return s
	}, func(s string) string { return s })
}

func (m *masker) note(s string) {
	if s != "" && !m.values[s] {
		s = strings.Clone(s)
		m.values[s] = true
		m.index(s)
	}
}

func (m *masker) collectAt(v payload.Value, path []string) {
	if items := v.List(); items != nil {
		for _, item := range items {
			m.collectAt(item, path)
		}
		return
	}
	if len(path) > 0 {
		m.collectAt(v.Member(path[0]), path[1:])
		return
	}
	if v.Kind() == payload.Object {
		for _, member := range v.Object() {
			m.collectAt(member.Value, nil)
		}
		return
	}
	if !v.IsNil() && v.Kind() != payload.Bool {
		m.note(payload.Plain(v))
	}
}

// personal reports whether a text as a whole is personal data.
func personal(s string) bool {
	for _, re := range []*regexp.Regexp{email, iban} {
		if re.FindString(s) == s {
			return true
		}
	}
	return card.FindString(s) == s && luhn(s)
}

// luhn checks a card number's last digit (ISO/IEC 7812-1).
func luhn(s string) bool {
	sum, double := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		n := int(s[i] - '0')
		if double {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum, double = sum+n, !double
	}
	return sum%10 == 0
}

// text replaces a text: as a whole, or the values and the personal data in it.
func (m *masker) text(s string) string {
	if m.values[s] {
		return m.hash(s)
	}
	return m.patterns(m.within(s))
}

// patterns replaces what looks like personal data.
func (m *masker) patterns(s string) string {
	s = email.ReplaceAllStringFunc(s, m.hash)
	s = iban.ReplaceAllStringFunc(s, m.hash)
	return card.ReplaceAllStringFunc(s, func(number string) string {
		if !luhn(number) {
			return number
		}
		return m.hash(number)
	})
}

func (m *masker) hash(s string) string {
	sum := sha256.Sum256([]byte(m.salt + s))
	return "masked:" + hex.EncodeToString(sum[:8])
}

// message masks a message in place: it is the masker's own.
func (m *masker) message(msg *message.Message) {
	if msg.Key != nil {
		msg.Key = []byte(m.bytes(string(msg.Key)))
	}
	for i := range msg.Headers {
		msg.Headers[i].Value = m.any(msg.Headers[i].Value)
	}
	for name, v := range msg.Properties {
		msg.Properties[name] = m.any(v)
	}
	if len(msg.Payload) == 0 {
		return
	}
	body, err := payload.Decode(msg.Payload)
	switch {
	case err == nil:
		changed := false
		noting := func(mask func(string) string) func(string) string {
			return func(s string) string {
				now := mask(s)
				changed = changed || now != s
				return now
			}
		}
		masked := m.walk(body, noting(m.text), noting(m.patterns))
		if changed {
			msg.Payload = payload.AppendJSON(nil, masked)
		}
	case utf8.Valid(msg.Payload):
		msg.Payload = []byte(m.text(string(msg.Payload)))
	default:
		m.whole++
		msg.Payload = []byte(m.hash(string(msg.Payload)))
	}
}

// bytes masks text; of what is none all of it, where something in it is personal
// data or a value.
func (m *masker) bytes(was string) string {
	now := m.text(was)
	if now != was && !utf8.ValidString(was) {
		now = m.hash(was)
	}
	return now
}

func (m *masker) any(v any) any {
	switch v := v.(type) {
	case string:
		return m.bytes(v)
	case []any:
		for i := range v {
			v[i] = m.any(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = m.any(v[name])
		}
	}
	return v
}

// walk replaces the scalars of a body, numbers only where they change, and the
// names of members.
func (m *masker) walk(v payload.Value, replace, name func(string) string) payload.Value {
	switch v.Kind() {
	case payload.String:
		return payload.OfString(replace(v.Text()))
	case payload.Int, payload.Number, payload.Float:
		was := payload.Plain(v)
		if !m.values[was] && v.Kind() != payload.Int {
			return v
		}
		if now := replace(was); now != was {
			return payload.OfString(now)
		}
		return v
	case payload.List:
		items := make([]payload.Value, len(v.List()))
		for i, item := range v.List() {
			items[i] = m.walk(item, replace, name)
		}
		return payload.OfList(items)
	case payload.Object:
		members := slices.Clone(v.Object())
		for i := range members {
			members[i].Name = name(members[i].Name)
			members[i].Value = m.walk(members[i].Value, replace, name)
		}
		return payload.OfObject(members)
	default:
		return v
	}
}

// mark masks the ids of a scenario's mark.
func (m *masker) mark(mark *message.Mark) *message.Mark {
	masked := *mark
	masked.IDs = map[string]string{}
	for name, value := range mark.IDs {
		masked.IDs[name] = m.text(value)
	}
	masked.Reason = m.text(mark.Reason)
	if m.values[mark.ID] && mark.Kind != message.MarkSchema {
		masked.ID = m.hash(mark.ID)
	}
	if mark.Case != nil {
		masked.Case, _ = m.any(mark.Case).(map[string]any)
	}
	return &masked
}
