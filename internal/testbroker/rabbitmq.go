package testbroker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// RabbitMQServer is where Debian's package keeps the start script that does not switch the user.
const RabbitMQServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// rabbitPlugins are enabled besides the core: exchanges that a tap must refuse need to exist in a test.
const rabbitPlugins = `[rabbitmq_management, rabbitmq_stream,
 rabbitmq_consistent_hash_exchange, rabbitmq_random_exchange, rabbitmq_sharding%s].
`

const rabbitConfig = `listeners.tcp.1 = %[1]s
management.tcp.ip = 127.0.0.1
management.tcp.port = %[2]d
stream.listeners.tcp.1 = %[3]s
stream.advertised_host = 127.0.0.1
stream.advertised_port = %[4]d
`

// rabbitPorts are the ports of one node.
type rabbitPorts struct{ amqp, management, stream, dist, epmd int }

// StartRabbitMQ starts a RabbitMQ node with the management, stream, hash and random exchange plugins and the login
// guest:guest, and an Erlang port mapper for it alone. It returns once the management API answers and
// AMQP connections are taken, whichever comes last.
func StartRabbitMQ(ctx context.Context, o Options) (*Broker, error) {
	return startRabbitMQ(ctx, o, rabbitExtra{})
}

// rabbitExtra is what a RabbitMQ has beyond the plain one.
type rabbitExtra struct {
	plugins string // each behind a comma
	config  string
}

func startRabbitMQ(ctx context.Context, o Options, extra rabbitExtra) (*Broker, error) {
	free, err := ports.Free(ctx, 5)
	if err != nil {
		return nil, fmt.Errorf("start rabbitmq: %w", err)
	}
	ports := rabbitPorts{free[0], free[1], free[2], free[3], free[4]}
	if err := writeRabbitFiles(o.Dir, ports, extra); err != nil {
		return nil, fmt.Errorf("start rabbitmq: %w", err)
	}
	mapper, err := portMapper(o.Dir, ports.epmd)
	if err != nil {
		return nil, fmt.Errorf("start rabbitmq: %w", err)
	}
	b := &Broker{
		Name:       "rabbitmq",
		URL:        "amqp://guest:guest@" + address(ports.amqp) + "/",
		Management: "http://guest:guest@" + address(ports.management),
		Stream:     address(ports.stream),
		helpers:    []*process{mapper},
		server: &process{
			path: RabbitMQServer,
			env:  rabbitEnv(o.Dir, ports),
			dir:  o.Dir,
			log:  filepath.Join(o.Dir, "rabbitmq.log"),
		},
	}
	b.server.ready = func(ctx context.Context) error {
		if err := answers(ctx, b.Management+"/api/overview"); err != nil {
			return err
		}
		return connects(ctx, address(ports.amqp))
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

func writeRabbitFiles(dir string, p rabbitPorts, extra rabbitExtra) error {
	if err := os.MkdirAll(filepath.Join(dir, "home"), 0o700); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "plugins"), fmt.Sprintf(rabbitPlugins, extra.plugins)); err != nil {
		return err
	}
	text := fmt.Sprintf(rabbitConfig, address(p.amqp), p.management, address(p.stream), p.stream)
	return writeFile(filepath.Join(dir, "rabbitmq.conf"), text+extra.config)
}

// rabbitEnv puts everything the node writes below dir and everything it listens on to 127.0.0.1.
func rabbitEnv(dir string, p rabbitPorts) []string {
	in := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"HOME=" + in("home"),
		"RUNNING_UNDER_SYSTEMD=true", // the script then becomes the server, which gets its signals directly
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_NODENAME=flowcheck" + strconv.Itoa(p.amqp) + "@localhost",
		"RABBITMQ_NODE_PORT=" + strconv.Itoa(p.amqp),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(p.dist),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"ERL_EPMD_PORT=" + strconv.Itoa(p.epmd),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RABBITMQ_MNESIA_BASE=" + in("mnesia"),
		"RABBITMQ_LOG_BASE=" + in("log"),
		"RABBITMQ_PID_FILE=" + in("pid"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + in("feature-flags"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + in("plugins"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + in("generated"),
		"RABBITMQ_CONFIG_FILE=" + in("rabbitmq.conf"),
	}
}

// portMapper is the Erlang port mapper of one node. A node that finds none starts one that nobody would end.
func portMapper(dir string, port int) (*process, error) {
	path, err := exec.LookPath("epmd")
	if err != nil {
		return nil, err
	}
	return &process{
		path: path,
		args: []string{"-address", "127.0.0.1", "-port", strconv.Itoa(port)},
		dir:  dir,
		log:  filepath.Join(dir, "epmd.log"),

		ready: func(ctx context.Context) error { return connects(ctx, address(port)) },
	}, nil
}
