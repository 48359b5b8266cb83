package brokers_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowcheck/flowcheck/brokers"
	"github.com/flowcheck/flowcheck/internal/testbroker"
)

func TestFilesOfTLS(t *testing.T) {
	a := testbroker.NewAuthority(t)
	cert, key := a.Issue("me", testbroker.Certificate{})
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := (*brokers.TLS)(nil).Load(); c != nil || err != nil {
		t.Errorf("no TLS: %v, %v", c, err)
	}
	c, err := (&brokers.TLS{CA: a.CA, Cert: cert, Key: key, ServerName: "x"}).Load()
	if err != nil || c.RootCAs == nil || len(c.Certificates) != 1 || c.ServerName != "x" || c.InsecureSkipVerify {
		t.Errorf("all of it: %+v, %v", c, err)
	}
	for says, wrong := range map[string]brokers.TLS{
		"no such file":     {CA: empty + "x"},
		"no certificate":   {CA: empty},
		"belong together":  {Cert: cert},
		"belong together:": {Key: key},
		"cert and key":     {Cert: key, Key: cert},
	} {
		if _, err := wrong.Load(); !errors.Is(err, brokers.ErrSettings) || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", wrong, err, says)
		}
	}
}

func TestWhatIsNoTroubleOfTLS(t *testing.T) {
	for _, err := range []error{nil, errors.New("EOF"), fmt.Errorf("certificate of nothing"), os.ErrDeadlineExceeded} {
		if got := brokers.TLSTrouble(err); got != "" {
			t.Errorf("%v: %q", err, got)
		}
	}
	for alert, says := range map[string]string{
		"certificate required": "tls: { cert: …, key: … }", "bad certificate": "tls: { cert: …, key: … }",
		"expired certificate": "renew", "protocol version not supported": "it says: protocol version",
	} {
		if got := brokers.TLSTrouble(errors.New("read: remote error: tls: " + alert)); !strings.Contains(got, says) {
			t.Errorf("%s: %q", alert, got)
		}
	}
}

func TestMechanism(t *testing.T) {
	for want, c := range map[string]brokers.Config{
		"":              {},
		"PLAIN":         {Username: "u"},
		"OAUTHBEARER":   {Username: "u", SASL: brokers.SASL{TokenURL: "https://x"}},
		"SCRAM-SHA-256": {SASL: brokers.SASL{Mechanism: "scram-sha-256", Token: "t"}},
	} {
		if got := c.Mechanism(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}
