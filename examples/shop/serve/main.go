// Serve runs the sample shop on real brokers until it is interrupted:
//
//	KAFKA=localhost:9092 RABBIT=amqp://guest:guest@localhost:5672/ go run ./examples/shop/serve
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/flowcheck/flowcheck/examples/shop"
)

func main() {
	bug := flag.String("bug", "", "the bug to switch on; see flowcheck demo --list-bugs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	closeShop, err := shop.StartOn(ctx, shop.EnvironmentOf(os.Getenv), *bug, log)
	if err != nil {
		log.Error("the shop does not start", "error", err)
		os.Exit(1)
	}
	log.Info("the shop is open; Ctrl-C closes it", "bug", *bug)
	<-ctx.Done()
	if err := closeShop(); err != nil {
		log.Error("closing", "error", err)
		os.Exit(1)
	}
}
