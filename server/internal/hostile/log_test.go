package hostile_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/statusway/statusway/server/internal/processtest"
	"github.com/statusway/statusway/server/internal/system"
)

// droppedLines matches the metric that counts lines which could not be written.
var droppedLines = regexp.MustCompile(`^statusway_log_.*_total$`)

// TestLogThatNobodyReads fills the pipe that the log goes to. Requests must be served all
// the same, and the process must count the lines that it could not write.
func TestLogThatNobodyReads(t *testing.T) {
	system.Test(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	p := processtest.Start(t, processtest.Params{Arguments: serveArguments("--rate-limit=off"), Log: writer})
	_ = writer.Close() // The process has its own copy.
	// A line has more than 200 bytes. The pipe takes 64 KiB and the process keeps 1 MiB: all
	// is full after some thousand lines.
	group, groupCtx := errgroup.WithContext(t.Context())
	for range 4 {
		group.Go(func() error {
			client := &http.Client{Timeout: slowTime, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := range 3000 {
				request, err := http.NewRequestWithContext(groupCtx, http.MethodGet, p.REST+"/v1/statuses/404", nil)
				if err != nil {
					return err
				}
				response, err := client.Do(request)
				if err != nil {
					return fmt.Errorf("request %d: %w", i, err)
				}
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if err != nil {
					return fmt.Errorf("request %d: %w", i, err)
				}
				if response.StatusCode != http.StatusOK {
					return fmt.Errorf("request %d: %s", i, response.Status)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
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
