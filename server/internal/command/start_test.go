package command_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silentServer takes connections and says nothing, so that a proxy waits for it.
func silentServer(t *testing.T) (address string, connected <-chan struct{}) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	first := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			select {
			case first <- struct{}{}:
			default:
			}
		}
	}()
	return listener.Addr().String(), first
}

// A signal during the start ends the process at once, and well.
func TestStopDuringTheStart(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			backend, connected := silentServer(t)
			p := launch(t, "proxy", "--http-addr=127.0.0.1:0", "--backend="+backend)
			<-connected
			p.signal(t, signal)
			begin := time.Now()
			if err := p.wait(t); err != nil || p.out.String() != "" {
				t.Errorf("%v, %s", err, &p.out)
			}
			if took := time.Since(begin); took > 4*time.Second { // The proxy waits five for its backends.
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A first start that is stopped at any time is started again as if nothing had been.
func TestStopDuringTheMigration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for delay := 60 * time.Millisecond; delay < 300*time.Millisecond; delay += 40 * time.Millisecond {
		data := filepath.Join(folder, delay.String())
		p := launch(t, "serve", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--data-dir="+data)
		time.Sleep(delay)
		p.signal(t, syscall.SIGINT)
		if err := p.wait(t); err != nil {
			// Before main runs, a signal ends any process.
			if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != -1 { //nolint:errorlint // it is itself.
				t.Errorf("after %s: %v: %s", delay, err, &p.log)
			}
		}
		isShown := strings.Contains(p.out.String(), "first start")
		again := serve(t, "--data-dir="+data)
		again.stop(t)
		if strings.Contains(again.out.String(), "first start") == isShown {
			t.Errorf("after %s the password was shown %t:\n%s\n%s", delay, isShown, &p.out, &again.out)
		}
	}
}

// A limit of a method that no route calls is reported as soon as the routes are known.
func TestLimitOfNoMethod(t *testing.T) {
	t.Parallel()
	demo := serve(t, "--demo", "--drain-delay=0")
	proxy := demo.before(t, "--rate-limit=10/1m@entity.v1.EntityService/GetEntitty,all=600/1m", "--drain-delay=0")
	eventually(t, func(context.Context) (bool, error) {
		return strings.Contains(proxy.log.String(), "limits that limit nothing") &&
			strings.Contains(proxy.log.String(), "did you mean entity.v1.EntityService/GetEntity?"), nil
	})
	proxy.stop(t)
	demo.stop(t)
}

// SIGHUP is logged and changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--drain-delay=0")
	p.signal(t, syscall.SIGHUP)
	eventually(t, func(context.Context) (bool, error) { return strings.Contains(p.log.String(), "SIGHUP"), nil })
	if a := p.must(t, http.MethodGet, "/healthz", "", nil); a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	p.stop(t)
}

// startWith starts serve with variables and returns its exit code, or -1 if it serves, and its log.
func startWith(t *testing.T, variables ...string) (served bool, log string) {
	t.Helper()
	path, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	command := exec.CommandContext(t.Context(), path, "serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0")
	command.Env, command.Stderr = append(os.Environ(), variables...), &text
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	served = bufio.NewScanner(out).Scan()
	_ = command.Process.Signal(os.Interrupt)
	_ = command.Wait()
	return served, text.String()
}

// A variable that is nearly one of ours is refused, another is reported, and those of Kubernetes and of
// other commands are neither.
func TestVariables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		variable, log string
		served        bool
	}{
		{"STATUSWAY_RATE_LIMITT=5/1m", "did you mean STATUSWAY_RATE_LIMIT?", false},
		{"STATUSWAY_HTTP_ADR=:1", "did you mean STATUSWAY_HTTP_ADDR?", false},
		{"STATUSWAY_RATELIMIT=5/1m", "did you mean STATUSWAY_RATE_LIMIT?", false},
		{"STATUSWAY_LOG_LEEVL=debug", "did you mean STATUSWAY_LOG_LEVEL?", false},
		{"STATUSWAY_GRACE=5", `STATUSWAY_GRACE: "5" is not a duration, such as`, false},
		{"STATUSWAY_SOMETHING_ELSE=1", "variable=STATUSWAY_SOMETHING_ELSE", true},
		{"STATUSWAY_BACKEND=orders:9090", "", true},
		{"STATUSWAY_VERSION=1", "", true},
		{"STATUSWAY_SERVICE_HOST=10.0.0.1", "", true},
		{"STATUSWAY_PROXY_SERVICE_PORT_HTTP=80", "", true},
		{"STATUSWAY_PORT_8080_TCP_ADDR=10.0.0.1", "", true},
	} {
		served, log := startWith(t, test.variable)
		name, _, _ := strings.Cut(test.variable, "=")
		if served != test.served || !strings.Contains(log, test.log) || test.log == "" && strings.Contains(log, name) {
			t.Errorf("%s: served %t:\n%s", test.variable, served, log)
		}
	}
}
