package hostile_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/processtest"
)

// droppedLines matches the metric that counts lines which could not be written.
var droppedLines = regexp.MustCompile(`^statusway_log_.*_total$`)

// TestLogThatNobodyReads fills the pipe that the log goes to. Requests must be served all
// the same, and the process must count the lines that it could not write.
func TestLogThatNobodyReads(t *testing.T) {
	processtest.Require(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	p := processtest.Start(t, processtest.Params{Arguments: serveArguments("--rate-limit=off"), Log: writer})
	_ = writer.Close() // The process has its own copy.
	client := &http.Client{Timeout: slowTime}
	// A pipe has 64 KiB, and a line more than 100 bytes: after 1,000 lines it is full.
	for i := range 3000 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.REST+"/v1/statuses/404", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %s", i, response.Status)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	metrics, err := p.Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dropped := 0.0
	for name := range metrics {
		if droppedLines.MatchString(name) {
			dropped += metrics.Sum(name, nil)
		}
	}
	if dropped == 0 {
		t.Error("no metric counts the lines that were dropped")
	}
}
