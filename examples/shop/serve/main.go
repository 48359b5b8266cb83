// Serve runs the sample shop on real brokers until it is interrupted:
//
//	KAFKA=localhost:9092 RABBIT=amqp://guest:guest@localhost:5672/ go run ./examples/shop/serve
//
// With REGISTRY=URL of a schema registry it speaks Avro on Kafka and Protobuf on
// RabbitMQ instead of JSON (see package wire).
//
// At -control it can be restarted and repaired (see shop.Control): SHOP=URL tells
// its flow files where that is.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/flowcheck/flowcheck/examples/shop"
	"github.com/flowcheck/flowcheck/examples/shop/wire"
)

func main() {
	bug := flag.String("bug", "", "the bug to switch on; see flowcheck demo --list-bugs")
	control := flag.String("control", "127.0.0.1:8099", "where to listen for restarts and repairs, on this machine alone")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := serve(*bug, *control, log); err != nil {
		log.Error("the shop", "error", err)
		os.Exit(1)
	}
}

func serve(bug, addr string, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := shop.Config{Bug: bug, Log: log}
	if registry := os.Getenv("REGISTRY"); registry != "" {
		var err error
		if cfg.Codings, err = wire.Open(ctx, registry); err != nil {
			return err
		}
	}
	s, closeShop, err := shop.StartOn(ctx, shop.EnvironmentOf(os.Getenv), cfg)
	if err != nil {
		return err
	}
	control, err := shop.ListenControl(ctx, addr, s)
	if err != nil {
		_ = closeShop()
		return err
	}
	log.Info("the shop is open; Ctrl-C closes it", "bug", bug, "control", control.URL)
	<-ctx.Done()
	if err := control.Close(); err != nil {
		log.Warn("closing the control", "error", err)
	}
	return closeShop()
}
