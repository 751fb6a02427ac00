package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/telemetry"
)

// begun is what every command that serves REST begins with.
type begun struct {
	logger *slog.Logger
	// table is the policy that decides its answers.
	table  *mapping.Table
	traces telemetry.Traces
}

func begin(ctx context.Context, streams Streams, settings config.Front) (begun, error) {
	logger, err := newLogger(streams, settings)
	if err != nil {
		return begun{}, err
	}
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
	traces, err := telemetry.Start(ctx, telemetry.Params{Lookup: os.LookupEnv, Version: builtFrom().ID(), Logger: logger})
	if err != nil {
		return begun{}, usage(err)
	}
	return begun{logger: logger, table: table, traces: traces}, nil
}

func newLogger(streams Streams, settings config.Front) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.LogLevel)); err != nil {
		return nil, usage(fmt.Errorf("--log-level: %w", err))
	}
	options := &slog.HandlerOptions{Level: level}
	switch settings.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(streams.Err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(streams.Err, options)), nil
	default:
		return nil, usage(fmt.Errorf("--log-format: %q is neither text nor json", settings.LogFormat))
	}
}
