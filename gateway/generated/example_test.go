package generated_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/policy"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// items is a service with generated handlers of grpc-gateway.
type items struct {
	conformancev1.UnimplementedConformanceServiceServer
}

func (items) CreateItem(_ context.Context, request *conformancev1.CreateItemRequest) (*conformancev1.Item, error) {
	return request.GetItem(), nil
}

func (items) GetItem(context.Context, *conformancev1.GetItemRequest) (*conformancev1.Item, error) {
	return nil, status.Error(codes.FailedPrecondition, "the item is locked")
}

// An existing program adopts the gateway by passing its generated handlers to New instead of a
// ServeMux. Nothing that was generated changes.
func Example() {
	conn := inprocess.New(inprocess.Params{}) // or what grpc.NewClient returns
	conformancev1.RegisterConformanceServiceServer(conn, items{})

	mux := runtime.NewServeMux()
	if err := conformancev1.RegisterConformanceServiceHandlerClient(context.Background(), mux, conformancev1.NewConformanceServiceClient(conn)); err != nil {
		fmt.Println(err)
		return
	}
	show("before", mux)

	backend, err := generated.New(conn, conformancev1.RegisterConformanceServiceHandler)
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
	show("after", gw)
	// Output:
	// before: created by 200, at ""
	// before: failed by 400, application/json
	// after: created by 201, at "/conformance/v1/items/cup"
	// after: failed by 409, application/problem+json
}

// A program keeps its errors and its metadata as grpc-gateway has them, for clients that cannot
// read others yet.
func Example_compatible() {
	conn := inprocess.New(inprocess.Params{})
	conformancev1.RegisterConformanceServiceServer(conn, items{})
	backend, err := generated.New(conn, conformancev1.RegisterConformanceServiceHandler)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = backend.Close() }()
	policy, err := policy.Builtin(policy.Canonical)
	if err != nil {
		fmt.Println(err)
		return
	}
	gw, err := gateway.New(backend, gateway.Config{
		Policy: policy.WithErrorFormat(statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS), GRPCGatewayMetadata: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show("like before", gw)
	// Output:
	// like before: created by 201, at "/conformance/v1/items/cup"
	// like before: failed by 400, application/json
}

func show(when string, handler http.Handler) {
	create := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/conformance/v1/items", strings.NewReader(`{"id":"cup"}`))
	create.Header.Set("Content-Type", "application/json")
	created, failed := httptest.NewRecorder(), httptest.NewRecorder()
	handler.ServeHTTP(created, create)
	handler.ServeHTTP(failed, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/conformance/v1/items/cup", nil))
	fmt.Printf("%s: created by %d, at %q\n", when, created.Code, created.Header().Get("Location"))
	fmt.Printf("%s: failed by %d, %s\n", when, failed.Code, failed.Header().Get("Content-Type"))
}
