package command

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
)

func newServe(streams Streams) *cobra.Command {
	settings := config.Defaults()
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the reference services over gRPC and REST",
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.Complete(); err != nil {
				return fmt.Errorf("%w: %w", err, errUsage)
			}
			return serve(cmd, streams, settings)
		},
	}
	settings.Flags(cmd.Flags())
	return cmd
}

func serve(cmd *cobra.Command, streams Streams, settings config.Serve) error {
	logger, table, err := front(streams, settings.Front)
	if err != nil {
		return err
	}
	program, err := app.New(cmd.Context(), app.Params{
		Config:   settings,
		Table:    table,
		Logger:   logger,
		Now:      time.Now,
		HashCost: 0,
		Build:    build(),
	})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	announce(streams.Out, program, settings)
	return errors.Join(program.Run(cmd.Context()), program.Close())
}

// announce says where the program is reached, and what a newcomer may do next.
func announce(out io.Writer, program *app.App, settings config.Serve) {
	rest := address(settings.Front, program.HTTPAddr())
	fmt.Fprintf(out, "REST  %s\ngRPC  %s\n", rest, program.GRPCAddr())
	if program.Start.AdminPassword != "" {
		fmt.Fprintf(out, "\nThis is the first start. The user admin has the password %s\nIt is shown this once.\n", program.Start.AdminPassword)
	}
	if !settings.Demo {
		return
	}
	authorization := "-H 'Authorization: Bearer " + program.Start.DemoToken + "'"
	fmt.Fprintf(out, `
Users  viewer, editor and admin, each with the password demo

Create an entity (201 with Location):
  curl -i %[1]s/v1/entities %[2]s -H 'Content-Type: application/json' -d '{"id": "samovar", "displayName": "A samovar"}'

Read one that you have already (304):
  curl -i %[1]s/v1/entities/teapot %[2]s -H 'If-None-Match: "%[3]s"'

Read one that is not yours (403, application/problem+json):
  curl -i %[1]s/v1/entities/ledger %[2]s
`, rest, authorization, program.Start.DemoETag)
}

// address is where REST is served, as a URL.
func address(settings config.Front, hostPort string) string {
	if settings.TLSCert != "" {
		return "https://" + hostPort
	}
	return "http://" + hostPort
}
