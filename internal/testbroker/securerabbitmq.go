package testbroker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// SecureRabbitMQ is a RabbitMQ with TLS, logins by certificate, and logins by
// token. Broker.URL and Broker.Management are those for administrators, without
// TLS.
type SecureRabbitMQ struct {
	*Broker
	TLS     string // host:port, with TLS; a certificate may be shown, its common name is the user
	API     string // host:port of the management API with TLS
	Expired string // host:port with TLS, by another node whose certificate has expired; "" where none was started
	CA      *Authority
	Tokens  *TokenServer // its audience is RabbitMQAudience
}

// RabbitMQAudience is RabbitMQ's name in tokens: scopes begin with it.
const RabbitMQAudience = "rabbitmq"

const secureRabbit = `
listeners.ssl.1 = %[1]s
ssl_options.cacertfile = %[2]s
ssl_options.certfile = %[3]s
ssl_options.keyfile = %[4]s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
management.ssl.ip = 127.0.0.1
management.ssl.port = %[5]d
management.ssl.cacertfile = %[2]s
management.ssl.certfile = %[3]s
management.ssl.keyfile = %[4]s
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_mechanisms.3 = EXTERNAL
auth_backends.1 = internal
auth_backends.2 = rabbit_auth_backend_oauth2
auth_oauth2.resource_server_id = ` + RabbitMQAudience + `
auth_oauth2.default_key = ` + TokenKey + `
auth_oauth2.signing_keys.` + TokenKey + ` = %[6]s
`

// OwnSecureRabbitMQ starts a SecureRabbitMQ for this test alone and ends it with
// the test.
func OwnSecureRabbitMQ(t testing.TB) *SecureRabbitMQ {
	t.Helper()
	s := &SecureRabbitMQ{CA: NewAuthority(t)}
	s.Tokens = NewTokenServer(t, s.CA, RabbitMQAudience)
	cert, key := s.CA.Issue("broker", Certificate{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ports, err := ports.Free(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS, s.API = address(ports[0]), address(ports[1])
	extra := rabbitExtra{
		plugins: ", rabbitmq_auth_mechanism_ssl, rabbitmq_auth_backend_oauth2",
		config:  fmt.Sprintf(secureRabbit, s.TLS, s.CA.CA, cert, key, ports[1], s.Tokens.PEM),
	}
	start := func(ctx context.Context, o Options) (*Broker, error) { return startRabbitMQ(ctx, o, extra) }
	s.Broker = own(t, start, RabbitMQServer)
	return s
}
