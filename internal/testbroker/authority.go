package testbroker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates for tests, as files of PEM in one directory.
type Authority struct {
	testing.TB
	Dir  string
	CA   string // the file of its own certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Certificate is what to issue. The zero value is for localhost and 127.0.0.1,
// for an hour.
type Certificate struct {
	Expired bool
	Host    string // instead of localhost and 127.0.0.1
}

// NewAuthority makes an authority that nobody else trusts.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{TB: t, Dir: t.TempDir()}
	a.CA, _ = a.Issue("ca", Certificate{})
	return a
}

// Issue makes a certificate for the common name and returns the files of it and
// of its key. The file NAME.both.pem has both.
func (a *Authority) Issue(name string, c Certificate) (cert, key string) {
	a.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	template := c.template(name)
	parent, signer := a.cert, a.key
	if parent == nil { // the authority's own
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
		parent, signer = template, pair
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &pair.PublicKey, signer)
	a.must(err)
	if a.cert == nil {
		a.cert, err = x509.ParseCertificate(der)
		a.must(err)
		a.key = pair
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair)
	a.must(err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	a.write(name+".both.pem", append(append([]byte{}, keyPEM...), certPEM...))
	return a.write(name+".pem", certPEM), a.write(name+".key", keyPEM)
}

// Serve serves by https with a certificate of its own until the test ends, and
// returns the URL.
func (a *Authority) Serve(name string, c Certificate, handler http.Handler) string {
	a.Helper()
	server := httptest.NewUnstartedServer(handler)
	cert, key := a.Issue(name, c)
	server.TLS = serverTLS(a, cert, key)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	a.Cleanup(server.Close)
	return server.URL
}

// Both is the file of a certificate that was issued, with its key.
func (a *Authority) Both(name string) string { return filepath.Join(a.Dir, name+".both.pem") }

func (c Certificate) template(name string) *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if c.Expired {
		t.NotBefore, t.NotAfter = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	}
	if c.Host != "" {
		t.DNSNames, t.IPAddresses = []string{c.Host}, nil
	}
	return t
}

func (a *Authority) write(name string, content []byte) string {
	a.Helper()
	path := filepath.Join(a.Dir, name)
	a.must(os.WriteFile(path, content, 0o600))
	return path
}

func (a *Authority) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}
