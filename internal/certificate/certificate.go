// Package certificate words what is wrong with a certificate, or with a TLS
// handshake, for whoever has to put it right: brokers, registries and calls fail
// with the same words.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Trouble tells in a user's words, with the way out, why a TLS connection
// failed; "" where err is about something else. All of it is a refusal: ours of
// the broker's certificate, or the broker's of ours.
func Trouble(err error) string {
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
	return Alert(err)
}

// Alert words the alerts by which a broker ends a handshake (RFC 8446,
// section 6). They come as text: crypto/tls keeps their type to itself.
func Alert(err error) string {
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
