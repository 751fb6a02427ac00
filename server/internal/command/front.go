package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/logqueue"
	"github.com/statusway/statusway/server/internal/telemetry"
)

// begun is what every command that serves REST begins with.
type begun struct {
	logger *slog.Logger
	lines  *logqueue.Queue
	// table is the policy.
	table  *policy.Table
	traces telemetry.Traces
	// hangups receives SIGHUP.
	hangups chan os.Signal
}

// begin prepares a server. [begun.end] has to be called unless it fails.
func begin(cmd *cobra.Command, streams Streams, settings config.Front) (begun, error) {
	table, err := loadPolicy(settings.Policy)
	if err != nil {
		return begun{}, err
	}
	format, err := settings.Format()
	if err != nil {
		return begun{}, usage(fmt.Errorf("--error-format: %w", err))
	}
	if format != 0 {
		table = table.WithErrorFormat(format)
	}
	logger, lines, err := newLogger(streams, settings)
	if err != nil {
		return begun{}, err
	}
	traces, err := telemetry.Start(cmd.Context(), telemetry.Params{Lookup: os.LookupEnv, Version: builtFrom().ID(), Logger: logger})
	if err != nil {
		lines.Close(flushTime)
		return begun{}, usage(err)
	}
	handler := logger.Handler()
	processLog.Store(&handler)
	for _, name := range unknownVariables(cmd) {
		logger.Warn("the environment variable is not one of statusway, and is ignored", slog.String("variable", name))
	}
	return begun{logger: logger, lines: lines, table: table, traces: traces, hangups: ignoreHangups(logger)}, nil
}

// ignoreHangups lets the process outlive SIGHUP, which would end it. Administrators send it so that a
// server reads its files again.
func ignoreHangups(logger *slog.Logger) chan os.Signal {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			logger.Warn("SIGHUP changes nothing; restart the server to read its files again")
		}
	}()
	return hangups
}

// notStarted returns the error of a start. A start that was stopped has not failed.
func (b begun) notStarted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return fmt.Errorf("starting: %w", err)
	}
	b.logger.InfoContext(ctx, "stopped during the start", slog.Any("error", err))
	return nil
}

// end sends the last traces and writes the last lines of the log.
func (b begun) end(ctx context.Context) {
	signal.Stop(b.hangups)
	close(b.hangups)
	b.traces.Flush(ctx)
	b.lines.Close(flushTime)
}
