package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"

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
}

// begin prepares a server. [begun.end] has to be called unless it fails.
func begin(ctx context.Context, streams Streams, settings config.Front) (begun, error) {
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
	traces, err := telemetry.Start(ctx, telemetry.Params{Lookup: os.LookupEnv, Version: builtFrom().ID(), Logger: logger})
	if err != nil {
		lines.Close(flushTime)
		return begun{}, usage(err)
	}
	handler := logger.Handler()
	processLog.Store(&handler)
	return begun{logger: logger, lines: lines, table: table, traces: traces}, nil
}

// end sends the last traces and writes the last lines of the log.
func (b begun) end(ctx context.Context) {
	b.traces.Flush(ctx)
	b.lines.Close(flushTime)
}
