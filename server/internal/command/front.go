package command

import (
	"fmt"
	"log/slog"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/server/internal/config"
)

// front is what every command that serves REST begins with: its log, and the policy
// that decides its answers.
func front(streams Streams, settings config.Front) (*slog.Logger, *mapping.Table, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.LogLevel)); err != nil {
		return nil, nil, fmt.Errorf("--log-level: %w: %w", err, errUsage)
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler
	switch settings.LogFormat {
	case "text":
		handler = slog.NewTextHandler(streams.Err, options)
	case "json":
		handler = slog.NewJSONHandler(streams.Err, options)
	default:
		return nil, nil, fmt.Errorf("--log-format: %q is neither text nor json: %w", settings.LogFormat, errUsage)
	}
	table, err := loadPolicy(settings.Policy)
	return slog.New(handler), table, err
}
