package generated_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	goleak.VerifyTestMain(m)
}

// service is an entity service of functions; a nil function returns an entity.
type service struct {
	entityv1.UnimplementedEntityServiceServer

	get    func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error)
	put    func(context.Context, *entityv1.PutEntityRequest) (*entityv1.Entity, error)
	create func(context.Context, *entityv1.CreateEntityRequest) (*entityv1.Entity, error)
	update func(context.Context, *entityv1.UpdateEntityRequest) (*entityv1.Entity, error)
	list   func(context.Context, *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error)
	export func(grpc.ServerStreamingServer[entityv1.Entity]) error
	calls  []string // of which methods
}

func entity() *entityv1.Entity { return &entityv1.Entity{Id: "e1", Etag: "7"} }

func (s *service) GetEntity(ctx context.Context, in *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	s.calls = append(s.calls, "get")
	if s.get == nil {
		return entity(), nil
	}
	return s.get(ctx, in)
}

func (s *service) PutEntity(ctx context.Context, in *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
	s.calls = append(s.calls, "put")
	if s.put == nil {
		return entity(), nil
	}
	return s.put(ctx, in)
}

func (s *service) CreateEntity(ctx context.Context, in *entityv1.CreateEntityRequest) (*entityv1.Entity, error) {
	s.calls = append(s.calls, "create")
	if s.create == nil {
		return entity(), nil
	}
	return s.create(ctx, in)
}

func (s *service) UpdateEntity(ctx context.Context, in *entityv1.UpdateEntityRequest) (*entityv1.Entity, error) {
	s.calls = append(s.calls, "update")
	if s.update == nil {
		return entity(), nil
	}
	return s.update(ctx, in)
}

func (s *service) ListEntities(ctx context.Context, in *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	s.calls = append(s.calls, "list")
	if s.list == nil {
		return &entityv1.ListEntitiesResponse{}, nil
	}
	return s.list(ctx, in)
}

func (s *service) DeleteEntity(context.Context, *entityv1.DeleteEntityRequest) (*emptypb.Empty, error) {
	s.calls = append(s.calls, "delete")
	return &emptypb.Empty{}, nil
}

func (s *service) ExportEntities(_ *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	s.calls = append(s.calls, "export")
	return s.export(stream)
}

// side is a backend with the index of its routes.
type side struct {
	*service

	backend   *gateway.Backend
	handle    exchange.Handler
	responder *respond.Responder
	index     *route.Index[*contract.Binding]
}

func newSide(tb testing.TB, s *service) *side {
	tb.Helper()
	return newSideOver(tb, s, nil)
}

// newSideOver calls through over, if it is not nil.
func newSideOver(tb testing.TB, s *service, over grpc.ClientConnInterface) *side {
	tb.Helper()
	if over == nil {
		conn := inprocess.New(inprocess.Params{MaxRequestBytes: 4000, MaxResponseBytes: 4000})
		entityv1.RegisterEntityServiceServer(conn, s)
		over = conn
	}
	made := newSideOf(tb, over, entityv1.RegisterEntityServiceHandler)
	made.service = s
	return made
}

// newSideOf has the handlers that register registers.
func newSideOf(tb testing.TB, conn grpc.ClientConnInterface, register ...generated.Register) *side {
	tb.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		tb.Fatal(err)
	}
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com", Realm: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	made, err := generated.New(conn, register...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := made.Close(); err != nil {
			tb.Error(err)
		}
	})
	version := backend.Current(made)
	return &side{backend: made, responder: responder, index: version.Contract.Index(), handle: version.Handler(backend.Host{
		Responder: responder,
		Forward: forward.New(forward.Params{
			RequestHeaders:  []string{"x-tenant"},
			ResponseHeaders: map[string]string{"x-info": "X-Info", "etag": "ETag", "location": "Location", "cache-control": "Cache-Control"},
		}),
	})}
}

// request makes one that has matched its route, with its fields in pairs.
func (s *side) request(tb testing.TB, method, target, body string, fields ...string) *http.Request {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	request, ex := exchange.Begin(httptest.NewRecorder(), request)
	verb := method
	if verb == http.MethodHead {
		verb = http.MethodGet
	}
	found, outcome, err := s.index.Lookup(verb, request.URL.EscapedPath())
	if outcome != route.Found || err != nil {
		tb.Fatalf("%s %s has no route: %v", method, target, err)
	}
	ex.Binding, ex.Params, ex.Client = found.Value, found.Params, "192.0.2.1"
	if ex.Conditions, err = rfc9110.ParsePreconditions(request.Header.Values); err != nil {
		tb.Fatal(err)
	}
	return request
}

// do responds to a request like the gateway.
func (s *side) do(request *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	if err := s.handle(recorder, request); err != nil {
		s.responder.Error(recorder, request, err)
	}
	return recorder
}

func problemOf(tb testing.TB, recorder *httptest.ResponseRecorder) map[string]any {
	tb.Helper()
	var members map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &members); err != nil {
		tb.Fatalf("%d: %v: %s", recorder.Code, err, recorder.Body)
	}
	return members
}

// conn returns an error for each call, or calls a function.
type conn struct {
	grpc.ClientConnInterface

	err error
}

func (c conn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return c.err }

func (c conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, c.err
}

// both sets the same metadata as header or as trailer.
func both(ctx context.Context, asTrailer bool, pairs ...string) error {
	if asTrailer {
		return grpc.SetTrailer(ctx, metadata.Pairs(pairs...))
	}
	return grpc.SetHeader(ctx, metadata.Pairs(pairs...))
}
