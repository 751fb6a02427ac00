// Package terminal_test runs the program on a terminal.
package terminal_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/statusway/statusway/server/internal/command"
	"github.com/statusway/statusway/server/internal/processtest"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// patience limits how long a test waits. Only a failure takes so long.
const patience = 30 * time.Second

// onTerminal runs the program on a terminal, types, and returns what is shown there.
func onTerminal(t *testing.T, typed string, env []string, arguments ...string) string {
	t.Helper()
	path := processtest.Program(t)
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Env = append([]string{"TERM=xterm", "HOME=" + t.TempDir()}, env...)
	terminal, err := pty.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()
	if err := terminal.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Logf("a test that hangs will hang for long: %v", err)
	}
	if _, err := io.WriteString(terminal, typed); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	// Linux ends a terminal that nobody writes to any more by EIO.
	_, _ = shown.ReadFrom(terminal)
	_ = command.Wait() // Its exit code is other tests' business.
	return strings.ReplaceAll(shown.String(), "\r\n", "\n")
}

// intoFile runs a command without a terminal, and returns its exit code and what it prints.
func intoFile(t *testing.T, stdin string, arguments ...string) (int, string) {
	t.Helper()
	var shown bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := command.Run(ctx, command.Streams{In: strings.NewReader(stdin), Out: &shown, Err: &shown}, arguments)
	return code, shown.String()
}

// On a terminal there are colours, unless its user or the terminal itself does not want
// them, and nowhere else.
func TestColours(t *testing.T) {
	t.Parallel()
	p := processtest.Start(t, processtest.Params{
		Arguments: []string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"}, Env: nil, Log: nil,
	})
	for _, test := range []struct {
		name, typed string
		arguments   []string
		shows       string
	}{
		{"map", "{\"code\": 5}\n\x04", []string{"map"}, "\x1b[33mHTTP 404\x1b[0m"},
		{"policy show", "", []string{"policy", "show"}, "\x1b[1m\x1b[31m503 Service Unavailable\x1b[0m"},
		{"policy check", "", []string{"policy", "check", "canonical"}, "\x1b[32mthe policy canonical is closed and total\x1b[0m"},
		{"tour", "", []string{"tour", "--row=204", "--target=" + p.REST}, "\x1b[32m204 No Content\x1b[0m"},
		{"conformance", "", []string{"conformance", "--filter=^404-", "--target=" + p.REST}, "\x1b[32m" + p.REST + " conforms\x1b[0m"},
	} {
		if got := onTerminal(t, test.typed, nil, test.arguments...); !strings.Contains(got, test.shows) {
			t.Errorf("%s: no %q in %q", test.name, test.shows, got)
		}
		for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
			got := onTerminal(t, test.typed, []string{env}, test.arguments...)
			// Progress rewrites its line, which is no colour.
			if got = strings.ReplaceAll(got, "\x1b[K", ""); strings.Contains(got, "\x1b") || got == "" {
				t.Errorf("%s with %s: %q", test.name, env, got)
			}
		}
		status := strings.TrimSuffix(test.typed, "\x04")
		if code, shown := intoFile(t, status, test.arguments...); strings.Contains(shown, "\x1b") || code != 0 {
			t.Errorf("%s into a file: exit code %d: %s", test.name, code, shown)
		}
	}
}

// A person who is expected to type is told so.
func TestMapOnTerminal(t *testing.T) {
	t.Parallel()
	if got := onTerminal(t, "{\"code\": 5}\n\x04", nil, "map"); !strings.Contains(got, "Type a google.rpc.Status as JSON, and end it by Ctrl-D.\n") {
		t.Errorf("%q", got)
	}
}
