package dynamic_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/middleware"
)

// BenchmarkProxied is one request through the whole gateway to a server over TCP. The
// server's own cost is part of it.
func BenchmarkProxied(b *testing.B) {
	wire := wireOf(b, "Query", `{"name":"Ada","strings":["a","b"],"nested":{"timestamp":"2026-01-02T03:04:05Z","struct":{"a":[1,2,3],"b":"text"}}}`)
	logger := slog.New(slog.DiscardHandler)
	backend, err := dynamic.New(
		dynamic.Params{Responder: newResponder(b)},
		dynamic.Target{Schema: zooSchema(b), Conn: dial(b, serveGRPC(b, answer(wire)))},
	)
	if err != nil {
		b.Fatal(err)
	}
	handler, err := gateway.New(gateway.Params{
		Contract: backend.Contract(), Responder: backend.Responder(), Backend: backend.Handle, Logger: logger, Now: time.Now,
		Body: middleware.BodyLimits{Bytes: 4 << 20},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/animals/Ada", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			text, _ := io.ReadAll(w.Body)
			b.Fatalf("%d %s", w.Code, text)
		}
	}
}
