// Command statusway serves gRPC services over REST with documented HTTP semantics.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	// An image that holds nothing but the program has no certificate authorities. These count where the system has none.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/statusway/statusway/server/internal/command"
)

func main() {
	// The first signal asks for a graceful stop; a second one is the system's own.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := command.Run(ctx, command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}
