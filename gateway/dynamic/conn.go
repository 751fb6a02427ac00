package dynamic

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // without it grpc-go does not check the health of servers
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// DialParams configure a [Conn].
type DialParams struct {
	// Address is host:port. A name that has several addresses is balanced over all.
	Address string
	// TLS is the client's configuration, with a certificate of its own for mutual TLS.
	// Nil means plain text.
	TLS *tls.Config
	// KeepAlive is how long a connection may be silent before it is probed; 0 means
	// that it is not. A server of grpc-go closes the connection on more than one probe
	// in five minutes, unless its enforcement policy allows it.
	KeepAlive time.Duration
	// Health has each server asked by grpc.health.v1 whether it serves, and passes over
	// those that do not. A server without that service counts as one that serves; one
	// that refuses the question, because it asks for credentials, as one that does not.
	Health bool
}

// keepAliveTimeout is how long a probe may take to be answered.
const keepAliveTimeout = 20 * time.Second

// headerBytes is how much metadata a response may have. The details of an error are
// part of it.
const headerBytes = 256 << 10

// Conn is a connection to a gRPC server, as grpc-go keeps it: over all addresses of
// its name in turn, reconnecting by itself. It is safe for concurrent use.
type Conn struct {
	*grpc.ClientConn

	health bool
	config *configurator
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// Dial returns a connection. It does not wait until there is one.
func Dial(p DialParams) (*Conn, error) {
	secret := insecure.NewCredentials()
	if p.TLS != nil {
		secret = credentials.NewTLS(p.TLS)
	}
	config, err := serviceConfig(p.Health, nil)
	if err != nil {
		return nil, err
	}
	c := &Conn{health: p.Health, config: &configurator{config: config}}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(secret),
		grpc.WithResolvers(c.config),
		grpc.WithStatsHandler(watcher{}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithMaxHeaderListSize(headerBytes),
		// See receiveLimit for the stream's. That of the connection is for many streams.
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(16 * window),
	}
	if p.KeepAlive > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: p.KeepAlive, Timeout: keepAliveTimeout}))
	}
	if c.ClientConn, err = grpc.NewClient("dns:///"+p.Address, options...); err != nil {
		return nil, fmt.Errorf("the backend %s: %w", p.Address, err)
	}
	return c, nil
}

// Declare tells the connection what the server declares, so that calls which change
// nothing, or nothing more when repeated, are tried again where the server was not
// reached: those whose option idempotency_level says so, and no others.
func (c *Conn) Declare(schema *Schema) error {
	config, err := serviceConfig(c.health, schema.services)
	if err != nil {
		return err
	}
	c.config.update(config)
	return nil
}

var errUnreachable = errors.New("the server cannot be reached")

// Ping says whether the server was reached when it was last tried.
func (c *Conn) Ping() error {
	if c.GetState() == connectivity.TransientFailure {
		return errUnreachable
	}
	return nil
}

// Await returns once the server has been reached anew, or when ctx is done.
func (c *Conn) Await(ctx context.Context) {
	for state := c.GetState(); c.WaitForStateChange(ctx, state); {
		if state = c.GetState(); state == connectivity.Ready {
			return
		}
	}
}

// retries are as grpc-go has them (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
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

// serviceConfig is grpc-go's configuration of a client, as JSON.
func serviceConfig(health bool, services []protoreflect.ServiceDescriptor) (string, error) {
	config := map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": map[string]any{}}},
		// Where many calls fail, repeating them all makes it worse.
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
