package rabbitmq

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/brokers"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	testing.TB
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string
}

func newAuthority(t testing.TB) *authority {
	a := &authority{TB: t, dir: t.TempDir()}
	a.cert, a.key, a.file, _ = a.issue("ca", nil)
	return a
}

// issue makes a certificate, by itself where there is no parent.
func (a *authority) issue(name string, parent *authority) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	a.must(err)
	cert, err := x509.ParseCertificate(der)
	a.must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	certFile, keyFile := filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	a.must(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	a.must(os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return cert, key, certFile, keyFile
}

func (a *authority) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// serve puts TLS in front of the broker and returns the amqps URL.
func (s *site) serveTLS(a *authority, clients tls.ClientAuthType) string {
	s.Helper()
	_, _, certFile, keyFile := a.issue("broker", a)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	s.must(err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: pool, MinVersion: tls.VersionTLS12})
	s.must(err)
	s.Cleanup(func() { _ = listener.Close() })
	u, err := url.Parse(s.url)
	s.must(err)
	upstream := u.Host
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(conn, upstream)
		}
	}()
	u.Scheme, u.Host = "amqps", listener.Addr().String()
	return u.String()
}

func forward(conn net.Conn, upstream string) {
	defer conn.Close()
	if conn.(*tls.Conn).Handshake() != nil {
		return
	}
	broker, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer broker.Close()
	go func() {
		_, _ = io.Copy(broker, conn)
		_ = broker.Close()
	}()
	_, _ = io.Copy(conn, broker)
}

func TestTLS(t *testing.T) {
	s := newSite(t)
	a := newAuthority(t)
	other := newAuthority(t)
	_, _, clientCert, clientKey := a.issue("client", a)
	plain, strict := s.serveTLS(a, tls.NoClientCert), s.serveTLS(a, tls.RequireAndVerifyClientCert)
	for name, c := range map[string]struct {
		url  string
		tls  *brokers.TLS
		want error
		word string
	}{
		"trusted":            {plain, &brokers.TLS{CA: a.file}, nil, ""},
		"not verified":       {plain, &brokers.TLS{Insecure: true}, nil, ""},
		"system's roots":     {plain, nil, brokers.ErrRefused, "tls: { ca: … }"},
		"another authority":  {plain, &brokers.TLS{CA: other.file}, brokers.ErrRefused, "not of an authority"},
		"another name":       {plain, &brokers.TLS{CA: a.file, ServerName: "broker.example"}, brokers.ErrRefused, "broker.example"},
		"client certificate": {strict, &brokers.TLS{CA: a.file, Cert: clientCert, Key: clientKey}, nil, ""},
		"none":               {strict, &brokers.TLS{CA: a.file}, brokers.ErrRefused, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config()
			cfg.URL, cfg.TLS = c.url, c.tls
			tp, err := openTapper(s.ctx(), cfg)
			if err == nil {
				s.must(tp.Close())
			}
			if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.word) {
				t.Fatalf("OpenTapper says %v, want %v and %q", err, c.want, c.word)
			}
		})
	}
}
