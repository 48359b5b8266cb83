package shop

import (
	"context"
	"errors"
	"os"
	"strings"
)

// Environment is where the shop's brokers are, as its flow file reads it from
// the environment.
type Environment struct {
	// Kafka is host:port[,host:port], Rabbit an amqp:// URL, AWSEndpoint the URL of
	// an emulator, "" for AWS itself.
	Kafka, Rabbit, AWSEndpoint string
	// Prefix is how the names of all begin that this shop has on the brokers, so that
	// several can be there side by side. SNS takes letters, digits, - and _.
	Prefix string
}

// EnvironmentOf reads KAFKA, RABBIT and AWS_ENDPOINT.
func EnvironmentOf(getenv func(string) string) Environment {
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	return Environment{
		Kafka:       or(getenv("KAFKA"), "localhost:9092"),
		Rabbit:      or(getenv("RABBIT"), "amqp://guest:guest@localhost:5672/"),
		AWSEndpoint: getenv("AWS_ENDPOINT"),
	}
}

// TestEnvironment is that of this process; what it lacks are the brokers that the
// tests use. An emulator gets credentials that mean nothing, in this process's
// environment.
func TestEnvironment() (Environment, error) {
	env := EnvironmentOf(func(name string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return os.Getenv(map[string]string{
			"KAFKA": "FLOWCHECK_TEST_KAFKA", "RABBIT": "FLOWCHECK_TEST_RABBITMQ", "AWS_ENDPOINT": "FLOWCHECK_TEST_MINISTACK",
		}[name])
	})
	if env.AWSEndpoint == "" || os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		return env, nil
	}
	return env, errors.Join(
		os.Setenv("AWS_ACCESS_KEY_ID", "test"), os.Setenv("AWS_SECRET_ACCESS_KEY", "test"),
		os.Setenv("AWS_EC2_METADATA_DISABLED", "true"))
}

// StartOn starts the shop on real brokers; of cfg, Kafka, Tasks and Mails are env's.
// close stops it and disconnects.
func StartOn(ctx context.Context, env Environment, cfg Config) (s *Shop, closeShop func() error, err error) {
	tasks := &rabbitTasks{url: env.Rabbit, prefix: env.Prefix}
	mails, err := connectAWS(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	cfg.Kafka, cfg.Tasks, cfg.Mails, cfg.Prefix = strings.Split(env.Kafka, ","), tasks, mails, env.Prefix
	if s, err = Start(ctx, cfg); err != nil {
		return nil, nil, errors.Join(err, tasks.close())
	}
	return s, func() error { return errors.Join(s.Close(), tasks.close()) }, nil
}
