// Package processtest builds the program and runs it as real processes, for tests that
// need more than one process or a process that they can stop, measure and attack.
package processtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTime limits how long a process may take to start. It only decides how soon a
// failure is reported.
const startTime = 60 * time.Second

// buildFolder is created once per test binary.
var buildFolder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "statusway-process-") })

// build compiles the program without the race detector, as users get it.
var build = sync.OnceValues(func() (string, error) {
	folder, err := buildFolder()
	if err != nil {
		return "", fmt.Errorf("creating the build folder: %w", err)
	}
	// A test of a nested module has a go.sum of its own, which need not cover the program.
	root, err := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/statusway/statusway").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	path := filepath.Join(folder, "statusway")
	command := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", path, "github.com/statusway/statusway/server")
	command.Dir = strings.TrimSpace(string(root))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// Program returns the path of the program.
func Program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Run runs the tests of a package and then removes the program that they built. Call it
// from TestMain.
func Run(m *testing.M) int {
	code := m.Run()
	if folder, err := buildFolder(); err == nil {
		_ = os.RemoveAll(folder)
	}
	return code
}

// Params describe a process.
type Params struct {
	// Arguments are the command and its flags.
	Arguments []string
	// Env has variables in the form NAME=value. The process also inherits the variables
	// of the test, except those that configure the program.
	Env []string
	// Log receives the standard error. Nil means a file that [Process.Log] reads.
	Log *os.File
}

// Process is a running program. The test ends it.
type Process struct {
	// REST is the URL of the REST port, GRPC the address of the gRPC port. A proxy has no
	// gRPC port.
	REST, GRPC string

	command *exec.Cmd
	log     string
	exited  chan struct{}
	err     error
}

// Start starts the program and waits until it prints its addresses.
func Start(t *testing.T, p Params) *Process {
	t.Helper()
	program, folder := Program(t), t.TempDir()
	process := &Process{
		command: exec.CommandContext(t.Context(), program, p.Arguments...),
		log:     filepath.Join(folder, "log"), exited: make(chan struct{}), REST: "", GRPC: "", err: nil,
	}
	logFile := p.Log
	if logFile == nil {
		var err error
		if logFile, err = os.Create(process.log); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = logFile.Close() }() // The process has its own copy.
	}
	process.command.Env = append(append(inherited(), "TMPDIR="+folder), p.Env...)
	process.command.Stderr = logFile
	output, err := process.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.command.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan [2]string, 1)
	go func() {
		defer close(process.exited)
		findAddresses(bufio.NewScanner(output), p.Arguments[0] == "serve", addresses)
		process.err = process.command.Wait()
	}()
	t.Cleanup(func() {
		process.Kill()
		// A process that the test has killed has no exit status.
		if exit, ok := errors.AsType[*exec.ExitError](process.err); ok && exit.ExitCode() > 0 && t.Failed() {
			t.Logf("%v ended with the exit status %d:\n%s", p.Arguments, exit.ExitCode(), process.Log())
		}
	})
	select {
	case found := <-addresses:
		process.REST, process.GRPC = found[0], found[1]
	case <-process.exited:
		t.Fatalf("the program ended at its start: %v", process.err)
	case <-time.After(startTime):
		t.Fatal("the program does not print its addresses")
	}
	return process
}

// inherited returns the variables of the test without those that configure the program.
func inherited() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "STATUSWAY_") && !strings.HasPrefix(variable, "OTEL_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

var addressLine = regexp.MustCompile(`^(REST|gRPC) +(\S+)$`)

// findAddresses reads the output to its end and sends the addresses once it has all.
func findAddresses(lines *bufio.Scanner, hasGRPC bool, addresses chan<- [2]string) {
	var found [2]string
	sent := false
	for lines.Scan() {
		if match := addressLine.FindStringSubmatch(lines.Text()); match != nil {
			if match[1] == "REST" {
				found[0] = match[2]
			} else {
				found[1] = match[2]
			}
		}
		if !sent && found[0] != "" && (found[1] != "" || !hasGRPC) {
			addresses <- found
			sent = true
		}
	}
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Address is the host and port of the REST port.
func (p *Process) Address() string {
	_, address, _ := strings.Cut(p.REST, "://")
	return address
}

// Log returns the last lines that the process wrote to its log.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// Signal sends a signal to the process.
func (p *Process) Signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the process at once and waits until it has ended.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // An error means that it has already ended.
	<-p.exited
}

// Wait waits for the end of the process and returns its exit status, or -1 if a signal
// ended it.
func (p *Process) Wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("the process does not end within %s", limit)
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode()
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return 0
}
