package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// adopt is all that a program needs: it serves a gRPC server that has server reflection.
func adopt(ctx context.Context, server string, listener net.Listener) error {
	backend, err := dynamic.Connect(ctx, dynamic.Target{Address: server})
	if err != nil {
		return err
	}
	gw, err := gateway.New(backend, gateway.Config{})
	if err != nil {
		return err
	}
	return gw.Serve(ctx, listener)
}

// A gateway before a gRPC server is one function with 11 lines.
func Example() {
	server, address := startEntities()
	defer server.Stop()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	done := make(chan error)
	go func() { done <- adopt(ctx, address, listener) }()

	for _, path := range []string{"/v1/entities/cup", "/v1/entities/cup/handle"} {
		response, err := http.Get("http://" + listener.Addr().String() + path) //nolint:noctx // an example is short.
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		fmt.Println(response.StatusCode, response.Header.Get("Content-Type"), len(body) > 0)
	}
	stop(gateway.ErrStopNow)
	fmt.Println(<-done)
	// Output:
	// 200 application/json true
	// 404 application/problem+json true
	// <nil>
}

// startEntities starts a gRPC server with server reflection.
func startEntities() (*grpc.Server, string) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, ""
	}
	server := grpc.NewServer()
	entities := &backend{}
	entities.script.Store(simple())
	entityv1.RegisterEntityServiceServer(server, entities)
	reflection.Register(server)
	go func() { _ = server.Serve(listener) }()
	return server, listener.Addr().String()
}

// A mapper shows what a gateway responds to a gRPC status.
func ExampleMapper() {
	mapper, err := gateway.NewMapper(nil, gateway.Config{PagesURL: "https://docs.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	status := &spb.Status{Code: int32(codes.NotFound), Message: "No cup 7."}
	response, err := mapper.Map(status, gateway.MapRequest{Method: http.MethodGet, Path: "/v1/cups/7"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Row.GetStatus(), "by the rule", response.Rule.GetName())
	fmt.Println(response.Header.Get("Content-Type"))
	fmt.Println(string(response.Body))
	// Output:
	// 404 by the rule not-found
	// application/problem+json
	// {"type":"https://docs.example.com/statuses/404","title":"Resource Not Found","status":404,"detail":"No cup 7.","instance":"/v1/cups/7","code":"NOT_FOUND"}
}
