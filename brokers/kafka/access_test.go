package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/message"
)

// authority signs certificates for the tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	a := &authority{t: t, dir: t.TempDir(), cert: cert, key: key}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	must(a.t, os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// issue writes name.pem and name.key.
func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, &key.PublicKey, a.key)
	must(a.t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(a.t, err)
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", secret)
	pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
	must(a.t, err)
	return pair
}

// opens opens a tapper and a publisher and returns the first error.
func opens(t *testing.T, cfg brokers.Config) error {
	t.Helper()
	begun := time.Now()
	tp, tapErr := Adapter().OpenTapper(soon(t), cfg)
	if tapErr == nil {
		must(t, tp.Close())
	}
	p, pubErr := Adapter().OpenPublisher(soon(t), cfg)
	if pubErr == nil {
		must(t, p.Close())
	}
	if (tapErr == nil) != (pubErr == nil) || !errors.Is(kindOf(tapErr), kindOf(pubErr)) {
		t.Errorf("the tapper says %v, the publisher %v", tapErr, pubErr)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %s to say %v", took, tapErr)
	}
	for _, err := range []error{tapErr, pubErr} {
		if err != nil && strings.Contains(err.Error(), "pa55") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	return tapErr
}

func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := ca.issue("broker")
	ca.issue("me")
	other.issue("stranger")
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	open := fakeKafka(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}))
	mutual := fakeKafka(t, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}))
	for _, c := range []struct {
		name string
		at   *env
		tls  *brokers.TLS
		want error
	}{
		{"the right authority", open, &brokers.TLS{CA: ca.path("ca.pem")}, nil},
		{"by another name", open, &brokers.TLS{CA: ca.path("ca.pem"), ServerName: "broker"}, nil},
		{"by a wrong name", open, &brokers.TLS{CA: ca.path("ca.pem"), ServerName: "nobody"}, brokers.ErrRefused},
		{"insecure", open, &brokers.TLS{Insecure: true}, nil},
		{"the system's authorities", open, &brokers.TLS{}, brokers.ErrRefused},
		{"another authority", open, &brokers.TLS{CA: other.path("ca.pem")}, brokers.ErrRefused},
		{"no TLS where it is wanted", open, nil, brokers.ErrUnreachable},
		{"with my certificate", mutual, &brokers.TLS{
			CA: ca.path("ca.pem"), Cert: ca.path("me.pem"), Key: ca.path("me.key"),
		}, nil},
		{"without a certificate", mutual, &brokers.TLS{CA: ca.path("ca.pem")}, brokers.ErrRefused},
		{"with a stranger's certificate", mutual, &brokers.TLS{
			CA: ca.path("ca.pem"), Cert: other.path("stranger.pem"), Key: other.path("stranger.key"),
		}, brokers.ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.at.config()
			cfg.TLS = c.tls
			if err := opens(t, cfg); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestListenerThatWantsSomethingElse(t *testing.T) {
	cfg := realKafka(t).config()
	cfg.TLS = &brokers.TLS{Insecure: true}
	if err := opens(t, cfg); !errors.Is(err, brokers.ErrUnreachable) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("TLS to a plain listener: %v, want ErrUnreachable with a hint at TLS", err)
	}
}

func TestSilentBrokerIsUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close() // it never accepts
	tune := quick()
	tune.open = 200 * time.Millisecond
	_, err = openTapper(soon(t), brokers.Config{Name: "events", URL: "kafka://" + l.Addr().String()}, tune)
	if !errors.Is(err, brokers.ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

func TestLogins(t *testing.T) {
	e := fakeKafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "me", "right-pa55"))
	for _, c := range []struct {
		name           string
		url            string
		user, password string
		want           error
	}{
		{"right", e.addr, "me", "right-pa55", nil},
		{"in the URL", "me:right-pa55@" + e.addr, "", "", nil},
		{"the configuration wins", "you:wrong-pa55@" + e.addr, "me", "right-pa55", nil},
		{"wrong password", e.addr, "me", "wrong-pa55", brokers.ErrRefused},
		{"wrong user", e.addr, "you", "right-pa55", brokers.ErrRefused},
		{"no login", e.addr, "", "", brokers.ErrUnreachable}, // the broker hangs up without a word
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := brokers.Config{Name: "events", URL: "kafka://" + c.url, Username: c.user, Password: c.password}
			if err := opens(t, cfg); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// limited is a cluster where the user limited may do only what acls say.
func limited(t *testing.T, acls ...kfake.ACL) (e *env, cfg brokers.Config) {
	t.Helper()
	e = fakeKafka(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "right-pa55"),
		kfake.User("PLAIN", "limited", "right-pa55", acls...), kfake.SeedTopics(1, "orders", offsetsTopic))
	cfg = e.config()
	cfg.Username, cfg.Password = "limited", "right-pa55"
	return e, cfg
}

func allow(resource kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
}

func TestPermissions(t *testing.T) {
	topic := kmsg.ACLResourceTypeTopic
	for _, c := range []struct {
		name        string
		acls        []kfake.ACL
		tap, send   error
		says        string // what the error of Tap says
		quietReason string
	}{
		{"nothing", nil, brokers.ErrRefused, brokers.ErrRefused, "Describe", "Describe"},
		{"Describe alone", []kfake.ACL{allow(topic, "orders", kmsg.ACLOperationDescribe)}, brokers.ErrRefused, brokers.ErrRefused, "Read", "no consumer group"},
		{"Read, which includes Describe", []kfake.ACL{allow(topic, "orders", kmsg.ACLOperationRead)}, nil, brokers.ErrRefused, "", "no consumer group"},
		{"Write, which includes Describe", []kfake.ACL{allow(topic, "orders", kmsg.ACLOperationWrite)}, brokers.ErrRefused, nil, "Read", "no consumer group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, cfg := limited(t, c.acls...)
			tp, err := openTapper(soon(t), cfg, quick())
			must(t, err)
			defer tp.Close()
			ch := brokers.Channel{Name: "orders", Topic: "orders"}
			_, err = tp.Tap(soon(t), brokers.TapConfig{Channels: []brokers.Channel{ch}, Events: make(chan message.Event)})
			if !errors.Is(err, c.tap) || (c.tap == nil) != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("Tap: got %v, want %v with %q", err, c.tap, c.says)
			}
			q, err := tp.Quiet(soon(t), []brokers.Channel{ch})
			if err != nil || q.Known || !strings.Contains(q.Reason, c.quietReason) {
				t.Errorf("Quiet: %+v, %v: want it not known, with %q", q, err, c.quietReason)
			}
			p, err := openPublisher(soon(t), cfg, quick())
			if err == nil {
				defer p.Close()
				_, err = p.Publish(soon(t), ch, brokers.Outgoing{Message: message.Message{Payload: []byte("x")}})
			}
			if !errors.Is(err, c.send) || (c.send == nil) != (err == nil) {
				t.Errorf("Publish: got %v, want %v", err, c.send)
			}
		})
	}
}

func TestGroupThatMayNotBeAsked(t *testing.T) {
	_, cfg := limited(t, allow(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationRead))
	tp, err := openTapper(soon(t), cfg, quick())
	must(t, err)
	defer tp.Close()
	q, err := tp.Quiet(soon(t), []brokers.Channel{{Name: "orders", Topic: "orders", Consumers: []string{"payments"}}})
	if err != nil || q.Known || !strings.Contains(q.Reason, "payments") {
		t.Errorf("Quiet: %+v, %v: want it not known because of the group", q, err)
	}
}
