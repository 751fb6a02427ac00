package command_test

import (
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// patience is how long a test waits for what should come at once. Only a failure takes
// as long.
const patience = 30 * time.Second

// programFolder is where the program is built, once for all tests.
var programFolder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "statusway-test-") })

// buildProgram builds the program as people get it: without the race detector, under
// which passwords and SQLite take ten times as long.
var buildProgram = sync.OnceValues(func() (string, error) {
	folder, err := programFolder()
	if err != nil {
		return "", err
	}
	// So that a change of the program alone is no reason for `go test` to keep a result.
	if _, err := os.Stat("../../main.go"); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "statusway")
	// Without the commit: git may refuse to tell it in a checkout of another user.
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// removeProgram is for after all tests.
func removeProgram() {
	if folder, err := programFolder(); err == nil {
		_ = os.RemoveAll(folder)
	}
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

// read returns what is there, and a channel that closes when there is more.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.text.String(), o.more
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}

// A process is the program, or a backend, as it runs for somebody.
type process struct {
	// rest is the URL of the REST side, grpc the address of the other.
	rest, grpc string
	// temporary is where it puts what it does not keep.
	temporary string

	command  *exec.Cmd
	out, log output
	// exited is closed when the process has ended, and err then says how.
	exited chan struct{}
	err    error
}

// serve starts the program on ports of its own, and returns when it says where.
func serve(t *testing.T, arguments ...string) *process {
	t.Helper()
	p := launch(t, append([]string{"serve", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0"}, arguments...)...)
	found := p.await(t, `(?m)^REST +(https?://\S+)\ngRPC +(\S+)$`)
	p.rest, p.grpc = found[1], found[2]
	return p
}

// before starts a proxy in front of p.
func (p *process) before(t *testing.T, arguments ...string) *process {
	t.Helper()
	proxy := launch(t, append([]string{"proxy", "--http-addr=127.0.0.1:0", "--backend=" + p.grpc}, arguments...)...)
	proxy.rest = proxy.await(t, `(?m)^REST +(https?://\S+)$`)[1]
	return proxy
}

// launch starts the program until the test is over.
func launch(t *testing.T, arguments ...string) *process {
	t.Helper()
	path, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, path, arguments...)
}

// start starts a process until the test is over.
func start(t *testing.T, path string, arguments ...string) *process {
	t.Helper()
	return startLogging(t, path, nil, arguments...)
}

// startLogging starts a process whose log goes to a file of the test's own, if not nil.
func startLogging(t *testing.T, path string, log *os.File, arguments ...string) *process {
	t.Helper()
	p := &process{temporary: t.TempDir(), exited: make(chan struct{})}
	p.command = exec.CommandContext(t.Context(), path, arguments...)
	p.command.Env = append(os.Environ(), "TMPDIR="+p.temporary)
	p.command.Stdout, p.command.Stderr = &p.out, &p.log
	if log != nil {
		p.command.Stderr = log // itself, with no goroutine that reads it
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s\nand logged:\n%s", path, &p.out, lastLines(p.log.String(), 40))
		}
	})
	return p
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// await waits until the program has printed what matches the pattern.
func (p *process) await(t *testing.T, pattern string) []string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		text, more := p.out.read()
		if found := expression.FindStringSubmatch(text); found != nil {
			return found
		}
		select {
		case <-more:
		case <-p.exited:
			if found := expression.FindStringSubmatch(p.out.String()); found != nil {
				return found
			}
			t.Fatalf("the program has ended: %v", p.err)
		case <-timer.C:
			t.Fatalf("the program does not print %s", pattern)
		}
	}
}

// signal sends a signal to the process.
func (p *process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as a crash does, and waits until it is gone.
func (p *process) kill() {
	_ = p.command.Process.Kill() // An error says that it has ended already.
	<-p.exited
}

// wait waits for the end of the process, and returns how it ended.
func (p *process) wait(t *testing.T) error {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.err
	case <-timer.C:
		t.Fatal("the program does not end")
		return nil
	}
}

// stop ends the process without a delay, and fails the test if it does not end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGINT)
	if err := p.wait(t); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// dial returns a gRPC connection to the process.
func (p *process) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// eventually asks again and again until it is told true, or an error.
func eventually(t *testing.T, ask func(ctx context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ask(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(errors.New("it does not happen"))
		}
	}
}
