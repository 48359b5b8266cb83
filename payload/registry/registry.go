// Package registry asks schema registries that speak Confluent's API.
//
//	SchemaRef → Client.Schema → the registry, once for each → Schema with what it refers to
//
// It only reads: nothing is registered.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowcheck/flowcheck/internal/certificate"
	"github.com/flowcheck/flowcheck/payload"
)

// Config is what a registry is reached by.
type Config struct {
	URL, Username, Password, Token string
	// TLS is nil where the system's certificates do.
	TLS *tls.Config
	// Now reads the clock.
	Now func() time.Time
}

// Client asks one registry. It is for one goroutine.
type Client struct {
	url     string // without a login
	client  *sr.Client
	now     func() time.Time
	answers map[payload.SchemaRef]answer
}

// answer is what the registry said, and when.
type answer struct {
	schema *payload.Schema
	err    error
	at     time.Time
}

// A request may take timeout. After one that failed the registry is left in peace
// for pause. An answer may have maxAnswer bytes, and a schema may refer to
// maxReferences others, all told.
const (
	timeout       = 10 * time.Second
	pause         = 30 * time.Second
	maxAnswer     = 16 << 20
	maxReferences = 200
)

// New makes a client; it does not connect.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the registry's URL is none of http://… and https://…")
	}
	if u.User != nil && cfg.Username == "" {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	u.User = nil
	transport := &http.Transport{TLSClientConfig: cfg.TLS, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	opts := []sr.ClientOpt{
		sr.URLs(u.String()), sr.UserAgent("flowcheck"),
		sr.HTTPClient(&http.Client{Transport: limited{transport}, Timeout: timeout}),
	}
	switch {
	case cfg.Token != "":
		opts = append(opts, sr.BearerToken(cfg.Token))
	case cfg.Username != "":
		opts = append(opts, sr.BasicAuth(cfg.Username, cfg.Password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	return &Client{url: u.String(), client: client, now: cfg.Now, answers: map[payload.SchemaRef]answer{}}, nil
}

// limited bounds the answers of a registry.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = fmt.Errorf("its answer has more than %d MiB", maxAnswer>>20)

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Schema fetches a schema and all that it refers to, once: what the registry has
// stays, what it has not is asked for again after a while. A *payload.Fault
// tells that it has none of that name, a *payload.Unavailable why it could not
// be asked.
func (c *Client) Schema(ctx context.Context, ref payload.SchemaRef) (*payload.Schema, error) {
	had, ok := c.answers[ref]
	if ok && (had.err == nil || c.now().Sub(had.at) < pause) {
		return had.schema, had.err
	}
	s, err := c.fetch(ctx, ref)
	if err != nil {
		s, err = nil, c.explain(ref, err)
	}
	c.answers[ref] = answer{s, err, c.now()}
	return s, err
}

func (c *Client) fetch(ctx context.Context, ref payload.SchemaRef) (*payload.Schema, error) {
	found, err := c.ask(ctx, ref)
	if err != nil {
		return nil, err
	}
	s := &payload.Schema{Type: found.Type.String(), ID: found.ID, GUID: found.GUID, Text: found.Schema.Schema}
	if s.ID == 0 {
		s.ID = ref.ID
	}
	w := walk{client: c, seen: map[string]bool{}}
	err = w.references(ctx, found.References)
	s.References = w.found
	return s, err
}

// ask asks for one schema.
func (c *Client) ask(ctx context.Context, ref payload.SchemaRef) (sr.SubjectSchema, error) {
	switch {
	case ref.GUID != "":
		return c.client.SchemaByGUID(ctx, ref.GUID)
	case ref.Subject == "":
		s, err := c.client.SchemaByID(ctx, ref.ID)
		return sr.SubjectSchema{ID: ref.ID, Schema: s}, err
	}
	version := -1 // the latest
	if ref.Version != "" && ref.Version != "latest" {
		var err error
		if version, err = strconv.Atoi(ref.Version); err != nil || version < 1 {
			return sr.SubjectSchema{}, fmt.Errorf("version %q is neither a number nor latest", ref.Version)
		}
	}
	return c.client.SchemaByVersion(ctx, ref.Subject, version)
}

// walk collects what schemas refer to, each before those that need it.
type walk struct {
	client *Client
	seen   map[string]bool
	found  []payload.Reference
}

func (w *walk) references(ctx context.Context, refs []sr.SchemaReference) error {
	for _, ref := range refs {
		if w.seen[ref.Name] {
			continue
		}
		if len(w.seen) == maxReferences {
			return fmt.Errorf("it refers to more than %d schemas", maxReferences)
		}
		w.seen[ref.Name] = true
		s, err := w.client.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return fmt.Errorf("%s version %d, which it refers to: %w", ref.Subject, ref.Version, err)
		}
		if err := w.references(ctx, s.References); err != nil {
			return err
		}
		w.found = append(w.found, payload.Reference{Name: ref.Name, Text: s.Schema.Schema})
	}
	return nil
}

// explain tells what came of a request, and the way out. Nothing of it is a
// secret.
func (c *Client) explain(ref payload.SchemaRef, err error) error {
	what := fmt.Sprintf("schema %s: the registry %s ", ref, c.url)
	var refused *sr.ResponseError
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return c.refused(what, ref, refused)
	case certificate.Trouble(err) != "":
		return lost(what + "cannot be used: " + certificate.Trouble(err))
	case errors.As(err, &network) && network.Timeout():
		return lost(what + "does not answer")
	case errors.Is(err, errTooLong):
		return lost(what + "cannot be used: " + errTooLong.Error())
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return lost(what + "cannot be reached: " + op.Err.Error())
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return lost(what + "cannot be used: " + err.Error())
}

func lost(reason string) error { return &payload.Unavailable{Reason: reason} }

func (c *Client) refused(what string, ref payload.SchemaRef, e *sr.ResponseError) error {
	switch e.StatusCode {
	case http.StatusUnauthorized:
		return lost(what + "refuses the login (401): check registry: { username, password } or { token }")
	case http.StatusForbidden:
		return lost(what + "does not let this login read the schema (403): check its rights, and registry: { username, password }")
	case http.StatusNotFound:
		if e.ErrorCode == 0 {
			return lost(what + "answers 404 without an error of its own: is that its address?")
		}
		hint := "; is it the registry that the producer uses?"
		if ref.Subject != "" {
			hint = "; name another by schema: { subject: … }"
		}
		return &payload.Fault{Reason: fmt.Sprintf("the registry %s has no schema %s%s", c.url, ref, hint)}
	default:
		return lost(fmt.Sprintf("%sanswers %d %s", what, e.StatusCode, e.Message))
	}
}
