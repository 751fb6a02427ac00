// Command statusway serves gRPC services over REST with documented HTTP semantics.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	// An image that holds nothing but the program has no certificate authorities. These count where the system has none.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/server/internal/command"
)

func main() {
	command.CaptureLibraryLogs()
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		// The first signal asks for a graceful stop; the second one ends the process.
		first := <-signals
		signal.Stop(signals)
		if first == os.Interrupt {
			cancel(gateway.ErrStopNow) // A person at a terminal does not wait for load balancers.
		}
		cancel(context.Canceled)
	}()
	os.Exit(command.Run(ctx, command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:]))
}
