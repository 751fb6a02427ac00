package dynamic_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
)

// BenchmarkProxied is one request through the whole gateway to a server over TCP. The
// server's own cost is part of it.
func BenchmarkProxied(b *testing.B) {
	wire := wireOf(b, "Query", `{"name":"Ada","strings":["a","b"],"nested":{"timestamp":"2026-01-02T03:04:05Z","struct":{"a":[1,2,3],"b":"text"}}}`)
	backend := connect(b, dynamic.Target{Descriptors: zooSet(b), Address: serveGRPC(b, answer(wire))})
	handler, err := gateway.New(backend, gateway.Config{})
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
