package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
)

func newServe(streams Streams) *cobra.Command {
	settings := config.Defaults()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the reference services over gRPC and REST",
		Long: `serve serves the reference services over gRPC, with reflection, and over REST
through the gateway: entities, sessions, imports, maintenance, and the table itself.

Each flag is also an environment variable, such as STATUSWAY_RATE_LIMIT for --rate-limit;
a flag overrides its variable. OpenTelemetry's own variables, such as
OTEL_EXPORTER_OTLP_ENDPOINT, say where traces go. Without --demo the first start creates
the user admin, and prints its password once.

SIGTERM stops the server without losing a request: /readyz fails for --drain-delay, then
the listener closes, and running requests have --grace to finish. SIGINT skips the delay.`,
		Example: `  statusway serve --demo
  statusway serve --data-dir /var/lib/statusway --http-addr :8443 --tls-cert chain.pem --tls-key key.pem
  statusway serve --policy canonical --rate-limit 100/1s,imports=10/1h@entity.v1.EntityService/ImportEntities`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Complete(); err != nil {
				return usage(err)
			}
			return serve(cmd, streams, settings)
		},
	}
	settings.Flags(cmd.Flags())
	return cmd
}

func serve(cmd *cobra.Command, streams Streams, settings config.Serve) error {
	begun, err := begin(cmd, streams, settings.Front)
	if err != nil {
		return err
	}
	defer begun.end(cmd.Context())
	if !settings.Demo {
		lock, err := lockDataDir(settings.DataDir)
		if err != nil {
			return err
		}
		defer func() { _ = lock.Close() }()
	}
	program, err := app.New(cmd.Context(), app.Params{
		Config:   settings,
		Table:    begun.table,
		Logger:   begun.logger,
		Traces:   begun.traces.Provider,
		LogQueue: begun.lines,
		Now:      time.Now,
		HashCost: 0,
		Build:    builtFrom(),
	})
	if err != nil {
		return begun.notStarted(cmd.Context(), err)
	}
	announce(streams.Out, program, settings)
	return errors.Join(program.Run(cmd.Context()), program.Close())
}

// announce prints the addresses of the program, and what a newcomer can do next.
func announce(out io.Writer, program *app.App, settings config.Serve) {
	rest := address(settings.Front, program.HTTPAddr())
	fmt.Fprintf(out, "REST  %s\ngRPC  %s\n", rest, program.GRPCAddr())
	announceMetrics(out, program.MetricsAddr())
	if program.Start.AdminPassword != "" {
		fmt.Fprintf(out, "\nThis is the first start. The user admin has the password %s\nIt is shown this once.\n", program.Start.AdminPassword)
	}
	if !settings.Demo {
		return
	}
	trust, curl := "", "curl"
	if settings.TLSCert != "" {
		trust, curl = " --ca "+settings.TLSCert, "curl --cacert "+settings.TLSCert
	}
	authorization := "-H 'Authorization: Bearer " + program.Start.DemoToken + "'"
	fmt.Fprintf(out, `
Users  viewer, editor and admin, each with the password demo

Look at the table in a browser, and try each row:
  %[1]s/

Or see every row happen in another terminal:
  %[4]s tour --target %[1]s%[5]s

Create an entity (201 with Location):
  %[6]s -i %[1]s/v1/entities %[2]s -H 'Content-Type: application/json' -d '{"id": "samovar", "displayName": "A samovar"}'

Read one that you have already (304):
  %[6]s -i %[1]s/v1/entities/teapot %[2]s -H 'If-None-Match: "%[3]s"'

Read one that is not yours (403, application/problem+json):
  %[6]s -i %[1]s/v1/entities/ledger %[2]s
`, rest, authorization, program.Start.DemoETag, self(), trust, curl)
}

// self is how the program is called from another terminal.
func self() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "statusway"
}

func announceMetrics(out io.Writer, address string) {
	if address != "" {
		fmt.Fprintf(out, "metrics  http://%s/metrics\n", address)
	}
}

// address is where REST is served, as a URL.
func address(settings config.Front, hostPort string) string {
	if settings.TLSCert != "" {
		return "https://" + hostPort
	}
	return "http://" + hostPort
}
