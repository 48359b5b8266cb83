package testbroker

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// ElasticMQVersion is the ElasticMQ that is started, from Maven Central.
const ElasticMQVersion = "1.7.1"

// ElasticMQJars is the directory below home that holds ElasticMQ's jar files.
func ElasticMQJars(home string) string { return filepath.Join(home, "elasticmq-"+ElasticMQVersion) }

const elasticMQConfig = `include classpath("application.conf")
node-address { protocol = http, host = 127.0.0.1, port = %[1]d, context-path = "" }
rest-sqs { enabled = true, bind-port = %[1]d, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
messages-storage { enabled = false }
`

// StartElasticMQ starts ElasticMQ, an emulator of SQS with strict limits that keeps everything in memory. Any
// credentials are good.
func StartElasticMQ(ctx context.Context, o Options) (*Broker, error) {
	ports, err := ports.Free(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("start elasticmq: %w", err)
	}
	config := filepath.Join(o.Dir, "elasticmq.conf")
	if err := writeFile(config, fmt.Sprintf(elasticMQConfig, ports[0])); err != nil {
		return nil, fmt.Errorf("start elasticmq: %w", err)
	}
	addr := address(ports[0])
	b := &Broker{
		Name: "elasticmq",
		URL:  "http://" + addr,
		server: &process{
			path: "java",
			args: []string{
				"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dconfig.file=" + config,
				"-cp", filepath.Join(ElasticMQJars(o.home()), "*"), "org.elasticmq.server.Main",
			},
			dir: o.Dir,
			log: filepath.Join(o.Dir, "elasticmq.log"),

			ready: func(ctx context.Context) error { return answers(ctx, "http://"+addr+"/health") },
		},
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}
