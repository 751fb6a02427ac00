package dynamic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // grpc-go needs it to check the health of servers
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// keepAliveTimeout is how long a server may take to respond to a probe.
const keepAliveTimeout = 20 * time.Second

// headerBytes is the maximum size of a response's metadata, which includes error details.
const headerBytes = 256 << 10

// serverConn is a connection that [Connect] makes. It balances calls over all addresses of the
// server's name, and reconnects by itself.
type serverConn struct {
	*grpc.ClientConn

	health bool
	config *configurator
	cause  atomic.Pointer[error] // see diagnosis
}

var _ grpc.ClientConnInterface = (*serverConn)(nil)

var errUnreachable = errors.New("the server cannot be reached")

// dial returns a connection to the address of a target. It does not wait for the server.
func dial(p Target) (*serverConn, error) {
	secret := insecure.NewCredentials()
	if p.TLS != nil {
		secret = credentials.NewTLS(p.TLS)
	}
	config, err := serviceConfig(p.Health, nil)
	if err != nil {
		return nil, err
	}
	c := &serverConn{health: p.Health, config: &configurator{config: config}}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(diagnosis{TransportCredentials: secret, plain: p.TLS == nil, cause: &c.cause}),
		grpc.WithResolvers(c.config),
		grpc.WithStatsHandler(watcher{}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithMaxHeaderListSize(headerBytes),
		// receiveLimit explains the window of a stream. A connection has many streams.
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(16 * window),
	}
	if p.KeepAlive > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: p.KeepAlive, Timeout: keepAliveTimeout}))
	}
	if c.ClientConn, err = grpc.NewClient("dns:///"+p.Address, options...); err != nil {
		return nil, fmt.Errorf("the backend %s: %w", p.Address, err)
	}
	c.Connect()
	return c, nil
}

// problem returns why the server cannot be reached, or nil if it can, as far as is known.
func (c *serverConn) problem() error {
	if c.GetState() != connectivity.TransientFailure {
		return nil
	}
	if cause := c.cause.Load(); cause != nil && *cause != nil {
		return fmt.Errorf("the server cannot be called: %w", *cause)
	}
	return errUnreachable
}

// retryIdempotent enables retries for methods whose option idempotency_level allows them. The
// connection repeats a call only if it did not reach the server.
func (c *serverConn) retryIdempotent(services []protoreflect.ServiceDescriptor) error {
	config, err := serviceConfig(c.health, services)
	if err != nil {
		return err
	}
	c.config.update(config)
	return nil
}

// stateful is a connection that reports its state, such as one of grpc-go.
type stateful interface {
	GetState() connectivity.State
	WaitForStateChange(ctx context.Context, from connectivity.State) bool
}

// awaitReady waits until the connection has become ready again, or until ctx is done.
func awaitReady(ctx context.Context, conn stateful) {
	for state := conn.GetState(); conn.WaitForStateChange(ctx, state); {
		if state = conn.GetState(); state == connectivity.Ready {
			return
		}
	}
}

// retries is the retry policy of gRPC (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
type retries struct {
	MaxAttempts          int      `json:"maxAttempts"`
	InitialBackoff       string   `json:"initialBackoff"`
	MaxBackoff           string   `json:"maxBackoff"`
	BackoffMultiplier    float64  `json:"backoffMultiplier"`
	RetryableStatusCodes []string `json:"retryableStatusCodes"`
}

type methodName struct {
	Service string `json:"service"`
	Method  string `json:"method"`
}

type methodConfig struct {
	Name        []methodName `json:"name"`
	RetryPolicy retries      `json:"retryPolicy"`
}

// serviceConfig returns grpc-go's client configuration, as JSON.
func serviceConfig(health bool, services []protoreflect.ServiceDescriptor) (string, error) {
	config := map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": map[string]any{}}},
		// When many calls fail, retries add to the load.
		"retryThrottling": map[string]any{"maxTokens": 100, "tokenRatio": 0.1},
	}
	if health {
		config["healthCheckConfig"] = map[string]any{"serviceName": ""}
	}
	if names := idempotent(services); len(names) > 0 {
		config["methodConfig"] = []methodConfig{{Name: names, RetryPolicy: retries{
			MaxAttempts: 3, InitialBackoff: "0.05s", MaxBackoff: "1s", BackoffMultiplier: 2, RetryableStatusCodes: []string{"UNAVAILABLE"},
		}}}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("the client's configuration: %w", err)
	}
	return string(text), nil
}

func idempotent(services []protoreflect.ServiceDescriptor) []methodName {
	var names []methodName
	for _, service := range services {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			options, _ := method.Options().(*descriptorpb.MethodOptions)
			if options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN {
				names = append(names, methodName{Service: string(service.FullName()), Method: string(method.Name())})
			}
		}
	}
	return names
}
