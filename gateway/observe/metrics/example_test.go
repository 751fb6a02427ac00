package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe/metrics"
)

// A gateway counts its requests for Prometheus.
func Example() {
	registry := prometheus.NewRegistry()
	counted, err := metrics.New(metrics.Params{Registry: registry, Table: nil, Reasons: nil})
	if err != nil {
		fmt.Println(err)
		return
	}
	gw, err := gateway.New(nil, gateway.Config{Observer: counted}) // A real gateway has a backend.
	if err != nil {
		fmt.Println(err)
		return
	}
	get := func(handler http.Handler, path string) string {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
		return response.Body.String()
	}
	get(gw, "/nothing")
	for line := range strings.Lines(get(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), "/metrics")) {
		if strings.HasPrefix(line, "statusway_requests_total") {
			fmt.Print(strings.TrimPrefix(line, "statusway_"))
		}
	}
	// Output:
	// requests_total{code="NOT_FOUND",domain="statusway.v1",method="GET",reason="ROUTE_NOT_FOUND",route="unmatched",rule="route-not-found",status="404"} 1
}
