package testbroker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// KafkaVersion is the Apache Kafka that is started.
const KafkaVersion = "4.1.0"

// KafkaJars is the directory below home that holds Kafka's jar files.
func KafkaJars(home string) string { return filepath.Join(home, "kafka-"+KafkaVersion) }

// kafkaProperties is a single node that is broker and controller. Topics are created when they are first used, as
// by Kafka's default; internal topics are small, so that the first group and the first transaction are ready soon.
const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,BEHIND://%[4]s,CONTROLLER://%[2]s%[6]s%[8]s
advertised.listeners=PLAINTEXT://%[1]s,BEHIND://%[5]s%[6]s%[9]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT%[7]s
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
`

// StartKafka starts Apache Kafka in KRaft mode, one node without security. It returns once the broker accepts
// connections, which it does when it has registered with its controller.
func StartKafka(ctx context.Context, o Options) (*Broker, error) {
	return startKafka(ctx, o, kafkaExtra{})
}

// kafkaExtra is what a Kafka has beyond the plain one.
type kafkaExtra struct {
	listeners  map[string]string // by name, host:port
	protocols  map[string]string // of those listeners
	properties string
	format     []string // arguments of the format of its data directory
	java       []string
}

func startKafka(ctx context.Context, o Options, extra kafkaExtra) (*Broker, error) {
	jars := filepath.Join(KafkaJars(o.home()), "*")
	systems := max(1, o.Systems)
	ports, err := ports.Free(ctx, 4+2*systems)
	if err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	addr := address(ports[0])
	config := filepath.Join(o.Dir, "server.properties")
	behind, proxy := address(ports[2]), address(ports[3])
	var listeners, protocols, systemsAt, systemsSay string
	var systemBehind, systemProxy []string
	for i := range systems {
		systemBehind, systemProxy = append(systemBehind, address(ports[4+2*i])), append(systemProxy, address(ports[5+2*i]))
		systemsAt += fmt.Sprintf(",SYSTEM%d://%s", i, systemBehind[i])
		systemsSay += fmt.Sprintf(",SYSTEM%d://%s", i, systemProxy[i])
		protocols += fmt.Sprintf(",SYSTEM%d:PLAINTEXT", i)
	}
	for _, name := range slices.Sorted(maps.Keys(extra.listeners)) {
		listeners += "," + name + "://" + extra.listeners[name]
		protocols += "," + name + ":" + extra.protocols[name]
	}
	text := fmt.Sprintf(kafkaProperties, addr, address(ports[1]), filepath.Join(o.Dir, "data"), behind, proxy, listeners, protocols,
		systemsAt, systemsSay)
	text += extra.properties
	if err := writeFile(config, text); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	if err := formatKafka(ctx, jars, config, extra.format); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	b := &Broker{
		Name:   "kafka",
		URL:    addr,
		Behind: behind,
		Proxy:  proxy,

		SystemBehind: systemBehind, SystemProxy: systemProxy,
		server: &process{
			path: "java",
			args: slices.Concat([]string{"-Xmx768m"}, extra.java, []string{"-cp", jars, "kafka.Kafka", config}),
			dir:  o.Dir,
			log:  filepath.Join(o.Dir, "kafka.log"),

			ready: func(ctx context.Context) error { return connects(ctx, addr) },
		},
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// formatKafka prepares the data directory, under a cluster id of its own.
func formatKafka(ctx context.Context, jars, config string, extra []string) error {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	id[0] &= 0x3f // an id that begins with a dash would be read as an option
	cluster := base64.RawURLEncoding.EncodeToString(id[:])
	args := []string{
		"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", jars, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config,
	}
	cmd := exec.CommandContext(ctx, "java", append(args, extra...)...)
	cmd.Dir = filepath.Dir(config)
	cmd.Env = os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format its data directory: %w\n%s", err, out)
	}
	return nil
}
