package apptest

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// Log keeps what a server logs. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write adds to the log.
func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns the whole log.
func (b *Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// NewLogger returns a logger that writes JSON lines of every level.
func NewLogger(to io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// LogLines parses the lines of the log.
func (s *Server) LogLines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.Lines(s.Log.String()) {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		all = append(all, line)
	}
	return all
}

// checkLog checks what the log of every server promises: one complete line for each
// request, and no token or password.
func (s *Server) checkLog(t *testing.T) {
	t.Helper()
	seen := map[any]bool{}
	for _, line := range s.LogLines(t) {
		if line["msg"] != "request" {
			continue
		}
		for _, name := range []string{"requestId", "method", "status", "code", "milliseconds"} {
			if name == "status" && line["clientClosed"] == true {
				continue // Nobody has got one, unless the client left in the middle of a stream.
			}
			if line[name] == nil || line[name] == "" {
				t.Errorf("a line without %s: %v", name, line)
			}
		}
		seen[line["requestId"]] = true
	}
	if len(seen) == 0 {
		t.Error("no request was logged")
	}
	text := s.Log.String()
	for user, token := range s.Tokens {
		if strings.Contains(text, token) {
			t.Errorf("the log tells the token of %s", user)
		}
	}
	if password := s.App.Start.AdminPassword; password != "" && strings.Contains(text, password) {
		t.Error("the log tells the password")
	}
}
