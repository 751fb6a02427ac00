package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/statusway/statusway/gateway"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// The roles of a process that this program starts of itself.
const (
	roleBackend = "backend" // the gRPC server
	roleFront   = "front"   // a front end before it: kind, routes, backend's address
)

// process is one of them. It prints its address, responds to each input line with its
// usage, and ends with its input.
type process struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Scanner
	address string
}

func start(ctx context.Context, role ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	p := &process{command: exec.CommandContext(ctx, program, role...)} //nolint:gosec // it is this program.
	p.command.Stderr = os.Stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %v: %w", role, err)
	}
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %v: %w", role, err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %v: %w", role, err)
	}
	p.lines = bufio.NewScanner(stdout)
	if p.address, err = p.line(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %v: %w", role, err), p.stop())
	}
	return p, nil
}

func (p *process) line() (string, error) {
	if !p.lines.Scan() {
		return "", errors.Join(io.ErrUnexpectedEOF, p.lines.Err())
	}
	return p.lines.Text(), nil
}

func (p *process) usage() (usage, error) {
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		return usage{}, fmt.Errorf("asking a process for its usage: %w", err)
	}
	text, err := p.line()
	if err != nil {
		return usage{}, err
	}
	var u usage
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		return usage{}, fmt.Errorf("reading a process's usage: %w", err)
	}
	return u, nil
}

func (p *process) stop() error {
	err := p.stdin.Close()
	return errors.Join(err, p.command.Wait())
}

// play is what such a process does.
func play(ctx context.Context, streams io.ReadWriter, role []string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	var stop func() error
	switch {
	case len(role) == 1 && role[0] == roleBackend:
		stop, err = serveBackend(listener)
	case len(role) == 4 && role[0] == roleFront:
		stop, err = serveFront(ctx, listener, role[1:])
	default:
		err = fmt.Errorf("there is no role %v", role)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if _, err := io.WriteString(streams, listener.Addr().String()+"\n"); err != nil {
		return fmt.Errorf("telling the address: %w", err)
	}
	return errors.Join(answerUsage(streams), stop())
}

// answerUsage responds to each line with this process's usage.
func answerUsage(streams io.ReadWriter) error {
	for lines := bufio.NewScanner(streams); lines.Scan(); {
		now, err := used()
		if err != nil {
			return err
		}
		text, err := now.encode()
		if err != nil {
			return err
		}
		if _, err := streams.Write(text); err != nil {
			return fmt.Errorf("telling the usage: %w", err)
		}
	}
	return nil
}

func serveBackend(listener net.Listener) (func() error, error) {
	service, err := newService()
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	entityv1.RegisterEntityServiceServer(server, service)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	return func() error {
		server.Stop()
		return <-done
	}, nil
}

// serveFront serves a front end as `statusway proxy` does.
func serveFront(ctx context.Context, listener net.Listener, role []string) (func() error, error) {
	routes, err := strconv.Atoi(role[1])
	if err != nil {
		return nil, fmt.Errorf("the number of routes: %w", err)
	}
	conn, err := grpc.NewClient(role[2], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	front, handler, err := newFront(ctx, frontParams{kind: role[0], routes: routes, address: role[2], conn: conn})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	done := make(chan error, 1)
	if front != nil {
		ctx, stop := context.WithCancelCause(ctx)
		go func() { done <- front.Serve(ctx, listener) }()
		return func() error {
			stop(gateway.ErrStopNow)
			return errors.Join(<-done, conn.Close())
		}, nil
	}
	plain := handler
	buffering := hashed(handler)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			buffering.ServeHTTP(w, r)
			return
		}
		plain.ServeHTTP(w, r)
	})
	go func() { done <- server.Serve(listener) }()
	return func() error {
		err := server.Close()
		return errors.Join(err, ignoreClosed(<-done), conn.Close())
	}, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
