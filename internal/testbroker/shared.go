package testbroker

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// The environment variables with the addresses of the brokers that all tests share.
const (
	EnvKafka        = "FLOWCHECK_TEST_KAFKA"               // host:port
	EnvBehind       = "FLOWCHECK_TEST_KAFKA_BEHIND"        // host:port of the listener behind a proxy
	EnvProxy        = "FLOWCHECK_TEST_KAFKA_PROXY"         // host:port where the proxy has to listen
	EnvSystemBehind = "FLOWCHECK_TEST_KAFKA_SYSTEM_BEHIND" // other such listeners, host:port,…: each for a system under test
	EnvSystemProxy  = "FLOWCHECK_TEST_KAFKA_SYSTEM_PROXY"  // and where their proxies have to listen
	EnvRabbitMQ     = "FLOWCHECK_TEST_RABBITMQ"            // amqp URL
	EnvManagement   = "FLOWCHECK_TEST_RABBITMQ_MANAGEMENT" // http URL
	EnvMinistack    = "FLOWCHECK_TEST_MINISTACK"           // http URL
	EnvElasticMQ    = "FLOWCHECK_TEST_ELASTICMQ"           // http URL
	EnvPostgres     = "FLOWCHECK_TEST_POSTGRES"            // postgres URL
	EnvMariaDB      = "FLOWCHECK_TEST_MARIADB"             // mysql URL
	EnvHome         = "FLOWCHECK_TEST_HOME"                // directory with installed brokers
	EnvNoSkip       = "FLOWCHECK_NO_SKIP"                  // "1": a test that lacks its broker fails
)

// Kafka is the host:port of the Kafka that all tests share. Without one the test is skipped, or fails when
// FLOWCHECK_NO_SKIP is 1; so it is with the other brokers.
func Kafka(t testing.TB) string {
	t.Helper()
	return shared(t, EnvKafka, "kafka")
}

// RabbitMQ is the amqp URL, login included, of the RabbitMQ that all tests share.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return shared(t, EnvRabbitMQ, "rabbitmq")
}

// Management is the URL, login included, of the shared RabbitMQ's management API.
func Management(t testing.TB) string {
	t.Helper()
	return shared(t, EnvManagement, "rabbitmq")
}

// Ministack is the endpoint of the shared emulator of SNS and SQS.
func Ministack(t testing.TB) string {
	t.Helper()
	return shared(t, EnvMinistack, "ministack")
}

// ElasticMQ is the endpoint of the shared emulator of SQS alone.
func ElasticMQ(t testing.TB) string {
	t.Helper()
	return shared(t, EnvElasticMQ, "elasticmq")
}

// Postgres is the URL, login included, of the PostgreSQL that all tests share.
func Postgres(t testing.TB) string {
	t.Helper()
	return shared(t, EnvPostgres, "postgres")
}

// Chromium is the path of a Chromium, for tests of pages.
func Chromium(t testing.TB) string {
	t.Helper()
	path, err := FindChromium()
	if err != nil {
		lacking(t, "NOT TESTED in a browser: %v: go run ./internal/withbrokers -only chromium -- go test ./…", err)
	}
	return path
}

// FindChromium is the path of the Chromium that is installed, by any of its names.
func FindChromium() (path string, err error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// MariaDB is the URL, login included, of the MariaDB that all tests share.
func MariaDB(t testing.TB) string {
	t.Helper()
	return shared(t, EnvMariaDB, "mariadb")
}

func shared(t testing.TB, env, broker string) string {
	t.Helper()
	url := os.Getenv(env)
	if url == "" {
		lacking(t, "NOT TESTED against a real %[1]s, %[2]s is not set: go run ./internal/withbrokers -only %[1]s -- go test ./…", broker, env)
	}
	return url
}

// lacking ends a test that has no broker.
func lacking(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(EnvNoSkip) == "1" {
		t.Fatalf(format, args...)
	} else {
		t.Skipf(format, args...)
	}
}

// OwnKafka starts a Kafka for this test alone and ends it with the test.
func OwnKafka(t testing.TB) *Broker {
	t.Helper()
	return own(t, StartKafka, KafkaJars(Home()))
}

// OwnRabbitMQ starts a RabbitMQ for this test alone and ends it with the test.
func OwnRabbitMQ(t testing.TB) *Broker {
	t.Helper()
	return own(t, StartRabbitMQ, RabbitMQServer)
}

// OwnMinistack starts a ministack for this test alone and ends it with the test.
func OwnMinistack(t testing.TB) *Broker {
	t.Helper()
	return own(t, StartMinistack, MinistackVenv(Home()))
}

// OwnElasticMQ starts an ElasticMQ for this test alone and ends it with the test.
func OwnElasticMQ(t testing.TB) *Broker {
	t.Helper()
	return own(t, StartElasticMQ, ElasticMQJars(Home()))
}

// own starts a broker for one test, if its program is there.
func own(t testing.TB, start func(context.Context, Options) (*Broker, error), program string) *Broker {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		lacking(t, "NOT TESTED against a broker of its own, it is not installed: %v: go run ./internal/withbrokers -- true", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	b, err := start(ctx, Options{Dir: t.TempDir(), Systems: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Discard(); err != nil {
			t.Error(err)
		}
	})
	return b
}
