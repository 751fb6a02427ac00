package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
)

func newProxy(streams Streams) *cobra.Command {
	settings := config.ProxyDefaults()
	cmd := &cobra.Command{
		Use:   "proxy --backend HOST:PORT",
		Short: "Serve any gRPC server over REST",
		Long: "proxy serves gRPC servers over REST, by their google.api.http rules and statusway.v1 annotations.\n" +
			"It reads them from a descriptor set or, by default, from the servers' own reflection.\n" +
			"It asks reflection again at an interval, so it serves a new method without a restart.",
		Example: `  statusway proxy --backend 127.0.0.1:9090
  buf build -o api.binpb && statusway proxy --backend api.internal:443 --backend-tls --descriptors api.binpb
  statusway proxy --backend shop.v1.Orders=orders:9090 --backend shop.v1.Carts=carts:9090`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Complete(); err != nil {
				return usage(err)
			}
			return proxy(cmd, streams, settings)
		},
	}
	settings.Flags(cmd.Flags())
	return cmd
}

func proxy(cmd *cobra.Command, streams Streams, settings config.Proxy) error {
	begun, err := begin(cmd, streams, settings.Front)
	if err != nil {
		return err
	}
	defer begun.end(cmd.Context())
	program, err := app.NewProxy(cmd.Context(), app.ProxyParams{
		Config:   settings,
		Table:    begun.table,
		Logger:   begun.logger,
		LogQueue: begun.lines,
		Traces:   begun.traces.Provider,
		Now:      time.Now,
		Build:    builtFrom(),
	})
	if err != nil {
		return begun.notStarted(cmd.Context(), err)
	}
	fmt.Fprintf(streams.Out, "REST  %s\nfor   %s\n", address(settings.Front, program.HTTPAddr()), strings.Join(settings.Backend, ", "))
	announceMetrics(streams.Out, program.MetricsAddr())
	return errors.Join(program.Run(cmd.Context()), program.Close())
}
