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
	table, err := loadPolicy(settings.Policy)
	if err != nil {
		return nil, nil, err
	}
	format, err := settings.Format()
	if err != nil {
		return nil, nil, fmt.Errorf("--error-format: %w: %w", err, errUsage)
	}
	if format != 0 {
		table = table.WithErrorFormat(format)
	}
	return slog.New(slog.NewTextHandler(streams.Err, &slog.HandlerOptions{Level: level})), table, nil
}
