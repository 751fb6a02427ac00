package command_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveInto starts the program with a pipe as its log, and returns the pipe's reader. The
// test decides whether it is read.
func serveInto(t *testing.T, arguments ...string) (*process, *os.File) {
	t.Helper()
	path, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	serve := []string{"serve", "--demo", "--rate-limit=off", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"}
	p := startLogging(t, path, writer, append(serve, arguments...)...)
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	found := p.await(t, `(?m)^REST +(https?://\S+)\ngRPC +(\S+)$`)
	p.rest, p.grpc = found[1], found[2]
	return p, reader
}

// askManyTimes makes requests that have a line of the log each, and wants them served.
func (p *process) askManyTimes(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		if a := p.must(t, http.MethodGet, "/nothing", "", nil); a.status != http.StatusNotFound {
			t.Fatalf("request %d is answered by %d", i, a.status)
		}
	}
}

// droppedLines is the metric.
func (p *process) droppedLines(t *testing.T) int {
	t.Helper()
	response, err := http.Get(p.rest + "/metrics") //nolint:noctx // the client's own timeout is enough.
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^statusway_log_lines_dropped_total (\S+)$`).FindStringSubmatch(string(text))
	if found == nil {
		t.Fatal("there is no such metric")
	}
	count, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(count)
}

// A reader of the log that stalls holds up neither requests nor the end, and is told what
// it missed once it reads again.
func TestLogReaderStalls(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]string{"as text": "text", "as JSON": "json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, log := serveInto(t, "--log-format="+format)
			// The pipe holds 64 KiB, the queue 1 MiB, and a line is some 300 bytes.
			p.askManyTimes(t, 6000)
			// The line of the last request is written after its response.
			dropped := p.droppedLines(t)
			for before := -1; dropped != before; time.Sleep(200 * time.Millisecond) {
				before, dropped = dropped, p.droppedLines(t)
			}
			if dropped == 0 {
				t.Error("no line was dropped: the log is not as long as the test needs")
			}
			// Once more is dropped than fits, and then the reader is back.
			lines := bufio.NewScanner(log)
			report := ""
			for report == "" && lines.Scan() {
				if strings.Contains(lines.Text(), "lines were dropped") {
					report = lines.Text()
				}
			}
			if want := strconv.Itoa(dropped); !strings.Contains(report, want) {
				t.Errorf("the log says %q, and %s lines were dropped", report, want)
			}
			go func() { _, _ = io.Copy(io.Discard, log) }()
			p.stop(t)
		})
	}
}

// A reader that never reads again does not hold up the end.
func TestLogReaderNeverReads(t *testing.T) {
	t.Parallel()
	p, _ := serveInto(t, "--log-level=debug")
	p.askManyTimes(t, 1000)
	p.stop(t)
}

// A reader that has gone does not take the server along, with HTTP or gRPC.
func TestLogReaderHasGone(t *testing.T) {
	t.Parallel()
	p, log := serveInto(t)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	p.askManyTimes(t, 100)
	if p.droppedLines(t) == 0 {
		t.Error("lines that could not be written are not counted")
	}
	p.stop(t)
}

// What goes wrong at the start is said at once.
func TestFatalErrorIsLogged(t *testing.T) {
	t.Parallel()
	path, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, path, "serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=256.256.256.256:1")
	if err := p.wait(t); err == nil || !strings.Contains(p.log.String(), "256.256.256.256") {
		t.Errorf("%v, %s", errors.Unwrap(err), &p.log)
	}
}
