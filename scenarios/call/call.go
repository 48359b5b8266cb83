// Package call makes the calls of a flow file: HTTP requests and commands that
// begin a scenario, heal, restart, set up or clean up.
//
//	flows.Call → request or process → flows.Reply
package call

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/flowcheck/flowcheck/flows"
	"github.com/flowcheck/flowcheck/flows/source"
	"github.com/flowcheck/flowcheck/internal/certificate"
)

// Timeout bounds a call that is given no other deadline.
const Timeout = 30 * time.Second

// Limits of what a reply may have, and of what of it an error tells.
const (
	maxReply = 16 << 20
	maxTold  = 300
)

// ErrRefused says that the call was made and went wrong: a status of 400 or more,
// an exit code other than 0. The Reply is there all the same.
var ErrRefused = errors.New("the call failed")

// Do makes the call and waits for its reply. A command gets no standard input and
// is killed when ctx ends. Errors have no secret but what the other side
// answers.
func Do(ctx context.Context, c *flows.Call) (*flows.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	make := request
	if len(c.Run) > 0 {
		make = command
	}
	reply, err := make(ctx, c)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return reply, fmt.Errorf("%s: no answer within %v", c, Timeout)
	case err != nil:
		return reply, fmt.Errorf("%s: %w", c, err)
	}
	return reply, nil
}

func request(ctx context.Context, c *flows.Call) (*flows.Reply, error) {
	r, err := http.NewRequestWithContext(ctx, c.Method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return nil, errors.New("the URL is no URL")
	}
	for _, h := range c.Headers {
		r.Header.Set(h.Name, h.Value)
	}
	if host := r.Header.Get("host"); host != "" {
		r.Host = host
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	if transport.TLSClientConfig, err = tlsConfig(c.TLS); err != nil {
		return nil, err
	}
	answer, err := client(ctx, transport, c.OAuth).Do(r)
	if err != nil {
		return nil, cause(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the reply broke off: %w", err)
	case len(body) > maxReply:
		return nil, fmt.Errorf("the reply is beyond %d MiB", maxReply>>20)
	}
	reply := &flows.Reply{Status: answer.StatusCode, Headers: map[string]string{}, Body: body}
	for name, values := range answer.Header {
		reply.Headers[strings.ToLower(name)] = values[len(values)-1]
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return reply, fmt.Errorf("%w: answered %s: %s", ErrRefused, answer.Status, told(body))
	}
	return reply, nil
}

// client fetches a token first, where the call says how.
func client(ctx context.Context, transport *http.Transport, o *flows.OAuth) *http.Client {
	plain := &http.Client{Transport: transport}
	if o == nil {
		return plain
	}
	conf := clientcredentials.Config{TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes}
	return conf.Client(context.WithValue(ctx, oauth2.HTTPClient, plain))
}

// cause is what went wrong, without the URL around it: String has that, masked.
func cause(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if refused.ErrorCode != "" {
			return fmt.Errorf("no token: %s", strings.TrimSpace(refused.ErrorCode+" "+refused.ErrorDescription))
		}
		return fmt.Errorf("no token: answered %s", refused.Response.Status)
	}
	if trouble := certificate.Trouble(err); trouble != "" {
		return errors.New(whose(err) + trouble)
	}
	var inner interface {
		error
		Unwrap() error
	}
	for errors.As(err, &inner) && strings.Contains(err.Error(), "://") {
		err = inner.Unwrap()
		inner = nil
	}
	return err
}

// whose says that a token server's certificate is meant, where it is not that of
// the host that is called.
func whose(err error) string {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		if _, ok := errors.AsType[*url.Error](outer.Err); ok {
			return "no token: the server of token-url: "
		}
	}
	return ""
}

// tlsConfig verifies the server, unless the flow file says not to.
func tlsConfig(from *source.TLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if from == nil {
		return conf, nil
	}
	conf.ServerName, conf.InsecureSkipVerify = from.ServerName.Value, from.Insecure
	if from.CA.Value != "" {
		pem, err := os.ReadFile(from.CA.Value)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: %s has no certificate", from.CA.Value)
		}
	}
	if from.Cert.Value != "" {
		pair, err := tls.LoadX509KeyPair(from.Cert.Value, from.Key.Value)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// command runs a program to its end.
func command(ctx context.Context, c *flows.Call) (*flows.Reply, error) {
	cmd := exec.CommandContext(ctx, c.Run[0], c.Run[1:]...)
	var out, errs bounded
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // for what it has started and left running
	err := cmd.Run()
	reply := &flows.Reply{Body: out.kept}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		reply.Status = exit.ExitCode()
		return reply, fmt.Errorf("%w: %w: %s", ErrRefused, exit, told(errs.kept))
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return reply, err
}

// bounded keeps the first maxReply bytes.
type bounded struct{ kept []byte }

func (b *bounded) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), maxReply-len(b.kept))]...)
	return len(p), nil
}

// told is as much of a text as an error has room for, on one line.
func told(text []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "?")), " ")
	if len(s) > maxTold {
		return s[:maxTold] + "…"
	}
	if s == "" {
		return "without a word"
	}
	return s
}
