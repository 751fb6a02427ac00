package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/grpclog"

	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/logqueue"
)

// flushTime is how long the last lines of the log may take to be written at the end.
const flushTime = time.Second

// newLogger returns the logger of a server, and the queue through which it writes: a
// reader of the log that stalls must not hold up requests.
func newLogger(streams Streams, settings config.Front) (*slog.Logger, *logqueue.Queue, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.LogLevel)); err != nil {
		return nil, nil, usage(fmt.Errorf("--log-level: %w", err))
	}
	options := &slog.HandlerOptions{Level: level}
	var newHandler func(io.Writer) slog.Handler
	switch settings.LogFormat {
	case "text":
		newHandler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	case "json":
		newHandler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	default:
		return nil, nil, usage(fmt.Errorf("--log-format: %q is neither text nor json", settings.LogFormat))
	}
	queue := logqueue.New(logqueue.Params{To: streams.Err, MaxBytes: logqueue.DefaultMaxBytes, Resumed: func(dropped uint64) []byte {
		var line bytes.Buffer
		slog.New(newHandler(&line)).Error("the log was not read fast enough, and lines were dropped", slog.Uint64("lines", dropped))
		return line.Bytes()
	}})
	return slog.New(newHandler(queue)), queue, nil
}

// The handler of the process's log, once a server has one.
//
//nolint:gochecknoglobals // gRPC and the standard library have one log for the process, and no other way to set it.
var processLog atomic.Pointer[slog.Handler]

// CaptureLibraryLogs sends what gRPC and the standard library log by themselves to the log
// of the server that this process runs. They would otherwise write to standard error
// directly, and wait for its reader. It also makes a broken pipe an error of the write, so
// that a server outlives the reader of its log. It is for main, once, before anything else.
func CaptureLibraryLogs() {
	logger := slog.New(libraryHandler{})
	slog.SetDefault(logger) // also of package log
	grpclog.SetLoggerV2(grpcLogger{logger: logger, level: grpcLevel(os.Getenv("GRPC_GO_LOG_SEVERITY_LEVEL"))})
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// libraryHandler hands on to processLog. Before a server runs, lines go to standard error.
type libraryHandler struct{}

var _ slog.Handler = libraryHandler{}

func (libraryHandler) to() slog.Handler {
	if handler := processLog.Load(); handler != nil {
		return *handler
	}
	return slog.NewTextHandler(os.Stderr, nil)
}

func (h libraryHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.to().Enabled(ctx, level)
}

func (h libraryHandler) Handle(ctx context.Context, record slog.Record) error {
	return h.to().Handle(ctx, record) //nolint:wrapcheck // it is the same call.
}
func (h libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler { return h.to().WithAttrs(attrs) }
func (h libraryHandler) WithGroup(name string) slog.Handler       { return h.to().WithGroup(name) }

// grpcLevel is the least level that gRPC logs, by the variable that it reads itself.
func grpcLevel(variable string) slog.Level {
	switch strings.ToLower(variable) {
	case "info":
		return slog.LevelInfo
	case "warning":
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

// grpcLogger is gRPC's log as lines of ours.
type grpcLogger struct {
	logger *slog.Logger
	level  slog.Level
}

var _ grpclog.LoggerV2 = grpcLogger{}

func (g grpcLogger) log(level slog.Level, text string) {
	if level >= g.level {
		g.logger.Log(context.Background(), level, "grpc", slog.String("text", strings.TrimSpace(text)))
	}
}

func (g grpcLogger) Info(args ...any)   { g.log(slog.LevelInfo, fmt.Sprint(args...)) }
func (g grpcLogger) Infoln(args ...any) { g.log(slog.LevelInfo, fmt.Sprintln(args...)) }
func (g grpcLogger) Infof(format string, args ...any) {
	g.log(slog.LevelInfo, fmt.Sprintf(format, args...))
}
func (g grpcLogger) Warning(args ...any)   { g.log(slog.LevelWarn, fmt.Sprint(args...)) }
func (g grpcLogger) Warningln(args ...any) { g.log(slog.LevelWarn, fmt.Sprintln(args...)) }
func (g grpcLogger) Warningf(format string, args ...any) {
	g.log(slog.LevelWarn, fmt.Sprintf(format, args...))
}
func (g grpcLogger) Error(args ...any)   { g.log(slog.LevelError, fmt.Sprint(args...)) }
func (g grpcLogger) Errorln(args ...any) { g.log(slog.LevelError, fmt.Sprintln(args...)) }
func (g grpcLogger) Errorf(format string, args ...any) {
	g.log(slog.LevelError, fmt.Sprintf(format, args...))
}

// Fatal writes directly: gRPC ends the process right after it.
func (grpcLogger) Fatal(args ...any)                 { fmt.Fprintln(os.Stderr, args...) }
func (grpcLogger) Fatalln(args ...any)               { fmt.Fprintln(os.Stderr, args...) }
func (grpcLogger) Fatalf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// V reports whether a verbosity is logged. None above 0 is.
func (grpcLogger) V(level int) bool { return level <= 0 }
