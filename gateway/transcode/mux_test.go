package transcode_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// TestOnlyTheMatchedMethodIsCalled: two tables of routes, and where they differ the
// answer is 500 and no call.
func TestOnlyTheMatchedMethodIsCalled(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, entityv1.EntityServiceClient) error{
		"another method": func(ctx context.Context, client entityv1.EntityServiceClient) error {
			_, err := client.DeleteEntity(ctx, &entityv1.DeleteEntityRequest{})
			return err
		},
		"a stream": func(ctx context.Context, client entityv1.EntityServiceClient) error {
			_, err := client.ExportEntities(ctx, &entityv1.ExportEntitiesRequest{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{})
			client := entityv1.NewEntityServiceClient(s.backend.Conn(s.conn))
			if err := s.mux.HandlePath("GET", "/v1/entities/{id}", func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
				runtime.HTTPError(r.Context(), s.mux, nil, w, r, call(r.Context(), client))
			}); err != nil {
				t.Fatal(err)
			}
			if got := s.do(s.request(t, "GET", "/v1/entities/e1", "")); got.Code != 500 || len(s.calls) > 0 {
				t.Errorf("%d, called %v", got.Code, s.calls)
			}
		})
	}
	t.Run("no handler", func(t *testing.T) {
		t.Parallel()
		s := newSide(t, &service{})
		if got := s.do(s.request(t, "GET", "/v1/statuses", "")); got.Code != 500 || len(s.calls) > 0 {
			t.Errorf("%d, called %v", got.Code, s.calls)
		}
	})
	t.Run("method override", func(t *testing.T) {
		t.Parallel()
		s := newSide(t, &service{})
		request := s.request(t, "POST", "/v1/entities", "{}", "X-HTTP-Method-Override", "GET", "Content-Type", "application/x-www-form-urlencoded")
		if got := s.do(request); got.Code != 201 || !slices.Equal(s.calls, []string{"create"}) {
			t.Errorf("%d, called %v", got.Code, s.calls)
		}
	})
}

// TestHandlerWithoutAnAnswer: a handler of the mux that answers by itself is ignored.
func TestHandlerWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{})
	s.mux = runtime.NewServeMux(s.backend.Options()...)
	if err := s.mux.HandlePath("GET", "/v1/entities", func(w http.ResponseWriter, _ *http.Request, _ map[string]string) {
		w.Header().Set("X-Evil", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("evil"))
		w.(http.Flusher).Flush()
	}); err != nil {
		t.Fatal(err)
	}
	got := s.do(s.request(t, "GET", "/v1/entities", ""))
	if got.Code != 500 || got.Header().Get("X-Evil") != "" || strings.Contains(got.Body.String(), "evil") {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
}

// TestWithoutConn: calls that go around the backend's connection would lose the token, and
// all that the gateway has decided, so none is answered.
func TestWithoutConn(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{get: func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		return nil, status.Error(codes.NotFound, "no such entity")
	}})
	conn := inprocess.New(inprocess.Params{})
	entityv1.RegisterEntityServiceServer(conn, s.service)
	for name, register := range map[string]func(*runtime.ServeMux) error{
		"another connection": func(mux *runtime.ServeMux) error {
			return entityv1.RegisterEntityServiceHandlerClient(t.Context(), mux, entityv1.NewEntityServiceClient(conn))
		},
		"no connection": func(mux *runtime.ServeMux) error {
			return entityv1.RegisterEntityServiceHandlerServer(t.Context(), mux, s.service)
		},
	} {
		s.mux = runtime.NewServeMux(s.backend.Options()...)
		if err := register(s.mux); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/entities", "/v1/entities:export", "/v1/entities/e1"} {
			if got := s.do(s.request(t, "GET", path, "")); got.Code != 500 {
				t.Errorf("%s, %s: %d %s", name, path, got.Code, got.Body)
			}
		}
	}
}

// TestMuxWithoutOptions: a mux that was made without the options calls no backend, not
// even while the backend looks for the handler.
func TestMuxWithoutOptions(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{})
	s.mux = runtime.NewServeMux()
	if err := entityv1.RegisterEntityServiceHandlerClient(t.Context(), s.mux, entityv1.NewEntityServiceClient(s.backend.Conn(s.conn))); err != nil {
		t.Fatal(err)
	}
	for method, path := range map[string]string{"DELETE": "/v1/entities/e1", "GET": "/v1/entities:export"} {
		if got := s.do(s.request(t, method, path, "")); got.Code != 500 || len(s.calls) > 0 {
			t.Errorf("%s: %d %s, called %v", path, got.Code, got.Body, s.calls)
		}
	}
}

// TestMiddleware: a middleware of the caller's goes on, and is not called by the search
// for the handler.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{})
	var seen []string
	s.mux = runtime.NewServeMux(append(s.backend.Options(), runtime.WithMiddlewares(func(next runtime.HandlerFunc) runtime.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
			seen = append(seen, r.Method+" "+r.URL.RequestURI()+" "+params["id"])
			next(w, r, params)
		}
	}))...)
	if err := entityv1.RegisterEntityServiceHandlerClient(t.Context(), s.mux, entityv1.NewEntityServiceClient(s.backend.Conn(s.conn))); err != nil {
		t.Fatal(err)
	}
	if got := s.do(s.request(t, "GET", "/v1/entities/a%2Fb", "")); got.Code != 200 || !slices.Equal(seen, []string{"GET /v1/entities/a%2Fb a/b"}) {
		t.Errorf("%d, %q", got.Code, seen)
	}
}

// TestHooksOutsideTheBackend: a mux that is served without Handler answers nothing.
func TestHooksOutsideTheBackend(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{})
	recorder := httptest.NewRecorder()
	s.mux.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", nil))
	if recorder.Body.Len() > 0 {
		t.Errorf("%s", recorder.Body)
	}
}
