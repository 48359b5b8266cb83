package brokers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
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
func TLSTrouble(err error) string {
	var (
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expired(invalid.Cert)
	case errors.As(err, &host):
		return fmt.Sprintf("its certificate is for %s, not for %s: connect by a name that it has, or say which one to expect with tls: { server-name: … }",
			namesOf(host.Certificate), host.Host)
	case errors.As(err, &unknown):
		return "its certificate is not of an authority that is trusted here: name the file of its CA with tls: { ca: … }"
	case errors.As(err, &verify), errors.As(err, &invalid):
		return "its certificate cannot be verified: " + err.Error()
	}
	return alertTrouble(err)
}

// alertTrouble words the alerts by which a broker ends a handshake (RFC 8446,
// section 6). They come as text: crypto/tls keeps their type to itself.
func alertTrouble(err error) string {
	if err == nil {
		return ""
	}
	_, alert, found := strings.Cut(err.Error(), "remote error: tls: ")
	if !found {
		return ""
	}
	switch {
	case strings.HasPrefix(alert, "expired certificate"):
		return "our certificate has expired: renew the file of tls: { cert: … }"
	case strings.Contains(alert, "certificate"), strings.HasPrefix(alert, "handshake failure"), strings.HasPrefix(alert, "access denied"):
		return "it wants a certificate of ours that is good and of an authority that it trusts: give one with tls: { cert: …, key: … } (it says: " + firstLine(alert) + ")"
	}
	return "it ended the TLS handshake (it says: " + firstLine(alert) + ")"
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func expired(c *x509.Certificate) string {
	const day = "2006-01-02 15:04 MST"
	if c == nil {
		return "its certificate has expired or is not valid yet: it has to be renewed, or the clock of this machine is wrong"
	}
	return fmt.Sprintf("its certificate is valid from %s to %s, and now is outside of that: it has to be renewed, or the clock of this machine is wrong",
		c.NotBefore.UTC().Format(day), c.NotAfter.UTC().Format(day))
}

// namesOf are the names that a certificate is for.
func namesOf(c *x509.Certificate) string {
	if c == nil {
		return "another name"
	}
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all (Subject Alternative Names are missing)"
	}
	const most = 5
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

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
		if err == nil || alertTrouble(err) != "" {
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
