package testbroker

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// SecureKafka is a Kafka that wants logins and grants rights. Broker.URL is its
// listener for administrators, without any of that.
type SecureKafka struct {
	*Broker
	SASL    string // host:port with TLS: SCRAM, PLAIN and OAUTHBEARER
	Mutual  string // host:port with TLS where clients show a certificate; its common name is the user
	Expired string // host:port with a certificate that has expired
	Wrong   string // host:port with a certificate for another host
	CA      *Authority
	Tokens  *TokenServer // for OAUTHBEARER; the user is the client
}

// The users of a SecureKafka and their passwords.
const (
	KafkaUser     = "tap"
	KafkaPassword = "tap-pa55word"
	KafkaOther    = "other" // has no right at all
)

const secureKafka = `
inter.broker.listener.name=PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location=%[1]s
ssl.truststore.type=PEM
ssl.truststore.location=%[2]s
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.principal.mapping.rules=RULE:^CN=([^,]*).*$/$1/,DEFAULT
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location=%[3]s
listener.name.wrong.ssl.keystore.type=PEM
listener.name.wrong.ssl.keystore.location=%[4]s
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tap="` + KafkaPassword + `" user_other="` + KafkaPassword + `";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.sasl.oauthbearer.sasl.oauthbearer.jwks.endpoint.url=%[5]s
listener.name.sasl.oauthbearer.sasl.oauthbearer.expected.audience=kafka
listener.name.sasl.oauthbearer.sasl.oauthbearer.expected.issuer=` + TokenIssuer + `
`

// OwnSecureKafka starts a SecureKafka for this test alone and ends it with the
// test.
func OwnSecureKafka(t testing.TB) *SecureKafka {
	t.Helper()
	s := &SecureKafka{CA: NewAuthority(t)}
	s.Tokens = NewTokenServer(t, s.CA, "kafka")
	s.CA.Issue("broker", Certificate{})
	s.CA.Issue("expired", Certificate{Expired: true})
	s.CA.Issue("wrong", Certificate{Host: "elsewhere.example"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ports, err := ports.Free(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	s.SASL, s.Mutual, s.Expired, s.Wrong = address(ports[0]), address(ports[1]), address(ports[2]), address(ports[3])
	jwks := "file://" + filepath.ToSlash(s.Tokens.JWKS)
	extra := kafkaExtra{
		listeners:  map[string]string{"SASL": s.SASL, "MUTUAL": s.Mutual, "EXPIRED": s.Expired, "WRONG": s.Wrong},
		protocols:  map[string]string{"SASL": "SASL_SSL", "MUTUAL": "SSL", "EXPIRED": "SSL", "WRONG": "SSL"},
		properties: fmt.Sprintf(secureKafka, s.CA.Both("broker"), s.CA.CA, s.CA.Both("expired"), s.CA.Both("wrong"), jwks),
		format: []string{
			"--add-scram", "SCRAM-SHA-256=[name=tap,password=" + KafkaPassword + "]",
			"--add-scram", "SCRAM-SHA-512=[name=tap,password=" + KafkaPassword + "]",
		},
		java: []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + jwks},
	}
	start := func(ctx context.Context, o Options) (*Broker, error) { return startKafka(ctx, o, extra) }
	s.Broker = own(t, start, KafkaJars(Home()))
	return s
}

// serverTLS is a server's configuration with that certificate.
func serverTLS(t testing.TB, cert, key string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
}
