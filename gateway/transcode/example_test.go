package transcode_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/transcode"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// items is a service of which grpc-gateway's handlers have been generated.
type items struct {
	conformancev1.UnimplementedConformanceServiceServer
}

func (items) CreateItem(_ context.Context, request *conformancev1.CreateItemRequest) (*conformancev1.Item, error) {
	return request.GetItem(), nil
}

func (items) GetItem(context.Context, *conformancev1.GetItemRequest) (*conformancev1.Item, error) {
	return nil, status.Error(codes.FailedPrecondition, "the item is locked")
}

// before is how such a service is served by grpc-gateway alone.
func before(conn grpc.ClientConnInterface) http.Handler {
	mux := runtime.NewServeMux()
	if err := register(mux, conn); err != nil {
		return http.NotFoundHandler()
	}
	return mux
}

// after adopts the mapping: options for the mux, a wrapped connection, a wrapped mux. The
// gateway that it returns is an http.Handler; with its Attach and Listener a server also
// answers by the policy what net/http would answer by itself.
func after(conn grpc.ClientConnInterface) (http.Handler, error) {
	table, err := mapping.Builtin(mapping.Documented)
	if err != nil {
		return nil, err
	}
	return adopt(conn, table, nil)
}

// likeBefore is after with errors and metadata as they were, for clients that cannot read
// others yet.
func likeBefore(conn grpc.ClientConnInterface) (http.Handler, error) {
	table, err := mapping.Builtin(mapping.Canonical)
	if err != nil {
		return nil, err
	}
	table = table.WithErrorFormat(statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS)
	return adopt(conn, table, forward.New(forward.Params{GRPCGateway: true}))
}

func adopt(conn grpc.ClientConnInterface, table *mapping.Table, rules *forward.Rules) (http.Handler, error) {
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com", Realm: "items"})
	if err != nil {
		return nil, err
	}
	declared, err := contract.Read(conformancev1.File_statusway_conformance_v1_conformance_proto)
	if err != nil {
		return nil, err
	}
	backend := transcode.New(transcode.Params{Responder: responder, Forward: rules})
	mux := runtime.NewServeMux(backend.Options()...) // was runtime.NewServeMux()
	if err := register(mux, backend.Conn(conn)); err != nil {
		return nil, err
	}
	return gateway.New(gateway.Params{
		Contract: declared, Responder: responder, Backend: backend.Handler(mux), // was mux
		Body: middleware.BodyLimits{Bytes: 1 << 20}, ClientMetadata: rules != nil,
	})
}

func register(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	return conformancev1.RegisterConformanceServiceHandlerClient(context.Background(), mux, conformancev1.NewConformanceServiceClient(conn))
}

// An existing ServeMux adopts the mapping by options, and its handler by being wrapped.
// Nothing that was generated changes.
func Example() {
	conn := inprocess.New(inprocess.Params{}) // or what grpc.NewClient returns
	conformancev1.RegisterConformanceServiceServer(conn, items{})
	show("before", before(conn))
	for when, adopted := range map[string]func(grpc.ClientConnInterface) (http.Handler, error){"after": after, "like before": likeBefore} {
		handler, err := adopted(conn)
		if err != nil {
			fmt.Println(err)
			return
		}
		show(when, handler)
	}
	// Unordered output:
	// before: created by 200, at ""
	// before: failed by 400, application/json
	// after: created by 201, at "/conformance/v1/items/cup"
	// after: failed by 409, application/problem+json
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
