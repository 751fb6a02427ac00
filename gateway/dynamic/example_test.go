package dynamic_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// A gateway before a gRPC server that has server reflection.
func Example() {
	address, stop := startServer()
	defer stop()

	backend, err := dynamic.Connect(context.Background(), dynamic.Target{Address: address})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = backend.Close() }() // Gateway.Serve does it too.
	gw, err := gateway.New(backend, gateway.Config{PublicURL: "https://api.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	response := httptest.NewRecorder() // A program calls gw.Serve, or has gw as a handler of its own server.
	gw.ServeHTTP(response, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/conformance/v1/items/cup", nil))
	fmt.Println(response.Code, response.Header().Get("Content-Type"))
	// Output: 409 application/problem+json
}

// locked is a service in any language. Here its items are locked.
type locked struct {
	conformancev1.UnimplementedConformanceServiceServer
}

func (locked) GetItem(context.Context, *conformancev1.GetItemRequest) (*conformancev1.Item, error) {
	return nil, status.Error(codes.FailedPrecondition, "the item is locked")
}

func startServer() (address string, stop func()) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", func() {}
	}
	server := grpc.NewServer()
	conformancev1.RegisterConformanceServiceServer(server, locked{})
	reflection.Register(server)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { server.Stop(); <-done }
}
