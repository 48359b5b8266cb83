package brokers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/flowcheck/flowcheck/internal/certificate"
)

// TLS tells how to verify the broker and how to show who we are. The zero value
// verifies against the system's roots.
type TLS struct {
	CA, Cert, Key string // file names
	ServerName    string
	Insecure      bool
}

// Load reads the files: TLS 1.2 and later. nil gives nil. It fails with
// ErrSettings.
func (t *TLS) Load() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.Insecure, //nolint:gosec // the flow file says tls: insecure, and every report tells
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("%w: tls: ca: %w", ErrSettings, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: tls: ca: %s holds no certificate in PEM form", ErrSettings, t.CA)
		}
	}
	switch {
	case t.Cert == "" && t.Key == "":
		return cfg, nil
	case t.Cert == "" || t.Key == "":
		return nil, fmt.Errorf("%w: tls: cert and key belong together: name both files", ErrSettings)
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: tls: cert and key: %w", ErrSettings, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}

// TLSTrouble tells in a user's words, with the way out, why a TLS connection
// failed; "" where err is about something else. All of it is a refusal: ours of
// the broker's certificate, or the broker's of ours.
func TLSTrouble(err error) string { return certificate.Trouble(err) }

// probeTimeout bounds a look at a listener after a failure.
const probeTimeout = 2 * time.Second

// Probe looks at a listener after a connection to it failed for no reason that
// was told: brokers hang up on who speaks another protocol, and on who shows no
// certificate.
type Probe struct {
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Addr string      // host:port
	TLS  *tls.Config // what the connection was made with; nil without TLS
	// Use and Leave are what to write to use TLS and not to.
	Use, Leave string
}

// Trouble is the reason, with the way out, as ErrRefused or ErrUnreachable; nil
// where none was found. It connects once more and sends nothing but a TLS
// handshake.
func (p Probe) Trouble(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
	defer cancel()
	conn, err := p.Dial(ctx, "tcp", p.Addr)
	if err != nil {
		return nil // the caller knows that it cannot be reached
	}
	defer conn.Close()
	if p.TLS == nil {
		// It is about the protocol, nothing is trusted to this connection.
		err = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}).HandshakeContext(ctx) //nolint:gosec // see above
		if err == nil || certificate.Alert(err) != "" {
			return fmt.Errorf("%w: the listener at %s speaks TLS: %s, or use the port without TLS", ErrUnreachable, p.Addr, p.Use)
		}
		return nil
	}
	client := tls.Client(conn, p.config())
	if err = client.HandshakeContext(ctx); err == nil {
		// In TLS 1.3 a server that wants another certificate says so behind the
		// handshake; else it waits for us.
		_ = conn.SetReadDeadline(time.Now().Add(probeTimeout / 4))
		if _, err = client.Read(make([]byte, 1)); TLSTrouble(err) == "" {
			return nil
		}
	}
	if trouble := TLSTrouble(err); trouble != "" {
		return fmt.Errorf("%w: %s", ErrRefused, trouble)
	}
	return fmt.Errorf("%w: the listener at %s does not speak TLS: use its TLS port, or %s", ErrUnreachable, p.Addr, p.Leave)
}

// config is that of the connection, with the name to expect.
func (p Probe) config() *tls.Config {
	c := p.TLS.Clone()
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(p.Addr)
	}
	return c
}
