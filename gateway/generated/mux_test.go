package generated_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// maintenance is a service of two methods. It counts its calls.
type maintenance struct {
	entityv1.UnimplementedMaintenanceServiceServer

	calls int
}

func (m *maintenance) GetMaintenance(context.Context, *entityv1.GetMaintenanceRequest) (*entityv1.Maintenance, error) {
	m.calls++
	return &entityv1.Maintenance{}, nil
}

func (m *maintenance) SetMaintenance(context.Context, *entityv1.SetMaintenanceRequest) (*entityv1.Maintenance, error) {
	m.calls++
	return &entityv1.Maintenance{}, nil
}

func (m *maintenance) conn() grpc.ClientConnInterface {
	conn := inprocess.New(inprocess.Params{})
	entityv1.RegisterMaintenanceServiceServer(conn, m)
	entityv1.RegisterEntityServiceServer(conn, &service{})
	return conn
}

// handler is hand-written and does not do what a generated one does.
type handler func(mux *runtime.ServeMux, conn *grpc.ClientConn, w http.ResponseWriter, r *http.Request)

// registered returns a Register whose handler for GetMaintenance is h.
func registered(h handler) generated.Register {
	return func(_ context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
		one := func(method string, h handler) runtime.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
				ctx, err := runtime.AnnotateContext(r.Context(), mux, r, "/entity.v1.MaintenanceService/"+method)
				if err != nil {
					return
				}
				h(mux, conn, w, r.WithContext(ctx))
			}
		}
		return errors.Join(
			mux.HandlePath(http.MethodGet, "/v1/maintenance", one("GetMaintenance", h)),
			mux.HandlePath(http.MethodPut, "/v1/maintenance", one("SetMaintenance", h)),
		)
	}
}

// TestOnlyTheMatchedMethodIsCalled: a handler that calls another method than its own gets 500,
// and nothing is called.
func TestOnlyTheMatchedMethodIsCalled(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *grpc.ClientConn) error{
		"another method": func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := entityv1.NewMaintenanceServiceClient(conn).SetMaintenance(ctx, &entityv1.SetMaintenanceRequest{})
			return err
		},
		"a stream": func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := entityv1.NewEntityServiceClient(conn).ExportEntities(ctx, &entityv1.ExportEntitiesRequest{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &maintenance{}
			s := newSideOf(t, m.conn(), registered(func(mux *runtime.ServeMux, conn *grpc.ClientConn, w http.ResponseWriter, r *http.Request) {
				runtime.HTTPError(r.Context(), mux, nil, w, r, call(r.Context(), conn))
			}))
			if got := s.do(s.request(t, "GET", "/v1/maintenance", "")); got.Code != 500 || m.calls > 0 {
				t.Errorf("%d, %d calls", got.Code, m.calls)
			}
		})
	}
	t.Run("method override", func(t *testing.T) {
		t.Parallel()
		s := newSide(t, &service{})
		request := s.request(t, "POST", "/v1/entities", "{}", "X-HTTP-Method-Override", "GET", "Content-Type", "application/x-www-form-urlencoded")
		if got := s.do(request); got.Code != 201 || !slices.Equal(s.calls, []string{"create"}) {
			t.Errorf("%d, called %v", got.Code, s.calls)
		}
	})
}

// TestHandlerThatRespondsItself: what a handler writes is dropped.
func TestHandlerThatRespondsItself(t *testing.T) {
	t.Parallel()
	s := newSideOf(t, (&maintenance{}).conn(), registered(func(_ *runtime.ServeMux, _ *grpc.ClientConn, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Evil", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("evil"))
		w.(http.Flusher).Flush()
	}))
	got := s.do(s.request(t, "GET", "/v1/maintenance", ""))
	if got.Code != 500 || got.Header().Get("X-Evil") != "" || strings.Contains(got.Body.String(), "evil") {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
}

// selecting is a response as generated code wraps it for a response_body that names a member of a
// oneof. It panics if another member is set.
type selecting struct{ *entityv1.Maintenance }

//nolint:revive // the name is that of generated code.
func (selecting) XXX_ResponseBody() any { panic("the interface is nil") }

// TestGeneratedCodeSelectsNoField: the responder selects the field of a response_body. Generated
// code would panic after the response if the field is an unset member of a oneof.
func TestGeneratedCodeSelectsNoField(t *testing.T) {
	t.Parallel()
	s := newSideOf(t, (&maintenance{}).conn(), registered(func(mux *runtime.ServeMux, conn *grpc.ClientConn, w http.ResponseWriter, r *http.Request) {
		reply, err := entityv1.NewMaintenanceServiceClient(conn).GetMaintenance(r.Context(), &entityv1.GetMaintenanceRequest{})
		if err != nil {
			runtime.HTTPError(r.Context(), mux, nil, w, r, err)
			return
		}
		ctx := runtime.NewServerMetadataContext(r.Context(), runtime.ServerMetadata{})
		_, outbound := runtime.MarshalerForRequest(mux, r)
		runtime.ForwardResponseMessage(ctx, mux, outbound, w, r, selecting{reply}, mux.GetForwardResponseOptions()...)
	}))
	if got := s.do(s.request(t, "GET", "/v1/maintenance", "")); got.Code != 200 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// TestCallsAroundTheRelay: a call over another connection loses the token and all that the
// gateway has decided, so its request gets 500. New itself calls nothing.
func TestCallsAroundTheRelay(t *testing.T) {
	t.Parallel()
	entities, m := &service{get: func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		return nil, status.Error(codes.NotFound, "no such entity")
	}, export: func(grpc.ServerStreamingServer[entityv1.Entity]) error { return nil }}, &maintenance{}
	conn := inprocess.New(inprocess.Params{})
	entityv1.RegisterEntityServiceServer(conn, entities)
	for _, test := range []struct {
		name     string
		register generated.Register
		paths    []string
	}{
		{"another connection", func(ctx context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return entityv1.RegisterEntityServiceHandlerClient(ctx, mux, entityv1.NewEntityServiceClient(conn))
		}, []string{"/v1/entities", "/v1/entities:export", "/v1/entities/e1"}},
		{"no connection", func(ctx context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return entityv1.RegisterMaintenanceServiceHandlerServer(ctx, mux, m)
		}, []string{"/v1/maintenance"}},
	} {
		s := newSideOf(t, conn, test.register)
		if len(entities.calls) > 0 || m.calls > 0 {
			t.Errorf("%s: New called %v and %d", test.name, entities.calls, m.calls)
		}
		for _, path := range test.paths {
			if got := s.do(s.request(t, "GET", path, "")); got.Code != 500 {
				t.Errorf("%s, %s: %d %s", test.name, path, got.Code, got.Body)
			}
		}
		entities.calls = nil
	}
}

// TestHandlersThatDoNotFit: New reports a wrong registration and calls no handler.
func TestHandlersThatDoNotFit(t *testing.T) {
	t.Parallel()
	m := &maintenance{}
	conn := m.conn()
	failed := errors.New("it failed")
	for name, test := range map[string]struct {
		register []generated.Register
		want     string
	}{
		"none": {nil, "no generated handler was registered"},
		"a mux of its own": {[]generated.Register{func(ctx context.Context, _ *runtime.ServeMux, conn *grpc.ClientConn) error {
			return entityv1.RegisterMaintenanceServiceHandler(ctx, runtime.NewServeMux(), conn)
		}}, "no generated handler was registered"},
		"twice": {
			[]generated.Register{entityv1.RegisterMaintenanceServiceHandler, entityv1.RegisterMaintenanceServiceHandler},
			"serve 2 HTTP rules, but google.api.http declares 1",
		},
		"a method is missing": {[]generated.Register{func(_ context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return mux.HandlePath(http.MethodGet, "/v1/maintenance", func(_ http.ResponseWriter, r *http.Request, _ map[string]string) {
				_, _ = runtime.AnnotateContext(r.Context(), mux, r, "/entity.v1.MaintenanceService/GetMaintenance")
			})
		}}, "/entity.v1.MaintenanceService/SetMaintenance: the generated handlers serve 0 HTTP rules"},
		"no gRPC method": {[]generated.Register{
			entityv1.RegisterMaintenanceServiceHandler, func(_ context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
				return mux.HandlePath(http.MethodGet, "/healthz", func(http.ResponseWriter, *http.Request, map[string]string) {})
			},
		}, "calls no gRPC method"},
		"no connection, and a stream": {[]generated.Register{func(ctx context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return entityv1.RegisterEntityServiceHandlerServer(ctx, mux, &service{})
		}}, "calls no gRPC method"},
		"a service that is not linked": {[]generated.Register{func(_ context.Context, mux *runtime.ServeMux, _ *grpc.ClientConn) error {
			return mux.HandlePath(http.MethodGet, "/v1/nothing", func(_ http.ResponseWriter, r *http.Request, _ map[string]string) {
				_, _ = runtime.AnnotateContext(r.Context(), mux, r, "/nobody.v1.Nothing/Get")
			})
		}}, "the descriptor of nobody.v1.Nothing is not linked into the program"},
		"an error": {[]generated.Register{func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error { return failed }}, "it failed"},
	} {
		if made, err := generated.New(conn, test.register...); err == nil || !strings.Contains(err.Error(), test.want) || made != nil {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if m.calls > 0 {
		t.Errorf("New made %d calls", m.calls)
	}
}

// TestRoutes are those of all registered services.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newSideOf(t, (&maintenance{}).conn(), entityv1.RegisterMaintenanceServiceHandler, entityv1.RegisterSessionServiceHandler)
	var got []string
	for _, route := range s.backend.Routes() {
		got = append(got, route.Verb+" "+route.Path)
	}
	want := []string{"GET /v1/maintenance", "PUT /v1/maintenance", "POST /v1/sessions", "GET /v1/sessions/{id}", "DELETE /v1/sessions/{id}"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHooksOutsideTheBackend: a mux that is served by itself responds nothing.
func TestHooksOutsideTheBackend(t *testing.T) {
	t.Parallel()
	var kept *runtime.ServeMux
	newSideOf(t, (&maintenance{}).conn(), func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error {
		kept = mux
		return entityv1.RegisterMaintenanceServiceHandler(ctx, mux, conn)
	})
	for _, path := range []string{"/nothing", "/v1/maintenance"} {
		recorder := httptest.NewRecorder()
		kept.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if recorder.Body.Len() > 0 {
			t.Errorf("%s: %s", path, recorder.Body)
		}
	}
}
