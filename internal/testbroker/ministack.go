package testbroker

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/flowcheck/flowcheck/internal/ports"
)

// MinistackVersion is the ministack that is started, from PyPI.
const MinistackVersion = "1.5.33"

// MinistackVenv is the directory below home that holds ministack's Python environment.
func MinistackVenv(home string) string { return filepath.Join(home, "ministack-"+MinistackVersion) }

// StartMinistack starts ministack, an emulator of SNS and SQS that keeps everything in memory. Any credentials are
// good. Its URL is the endpoint of every service.
func StartMinistack(ctx context.Context, o Options) (*Broker, error) {
	ports, err := ports.Free(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("start ministack: %w", err)
	}
	url := "http://" + address(ports[0])
	b := &Broker{
		Name: "ministack",
		URL:  url,
		server: &process{
			path: filepath.Join(MinistackVenv(o.home()), "bin", "ministack"),
			env:  []string{"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + strconv.Itoa(ports[0])},
			dir:  o.Dir,
			log:  filepath.Join(o.Dir, "ministack.log"),

			ready: func(ctx context.Context) error { return answers(ctx, url+"/_localstack/health") },
		},
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}
