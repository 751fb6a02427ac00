package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
)

// find returns the sum of the series with that name and those labels, in pairs, and how
// many there are.
func find(samples []apptest.Sample, name string, labels ...string) (float64, int) {
	sum, many := 0.0, 0
	for _, one := range samples {
		matches := one.Name == name
		for i := 0; i < len(labels); i += 2 {
			matches = matches && one.Labels[labels[i]] == labels[i+1]
		}
		if matches {
			sum += one.Value
			many++
		}
	}
	return sum, many
}

// wantSample holds a sum of series; below 0 it only has to be there.
func wantSample(t *testing.T, samples []apptest.Sample, want float64, name string, labels ...string) {
	t.Helper()
	got, many := find(samples, name, labels...)
	if many == 0 || want >= 0 && got != want {
		t.Errorf("%s%q is %v of %d series, want %v", name, labels, got, many, want)
	}
}

// What has happened is counted, each by what operators ask for.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, func(c *config.Serve) { c.RateLimit = "all=10000/1h,few=3/1h@entity.v1.EntityService/ListEntities" }, nil, time.Now)
	s.Params.Build = app.Build{Version: "v1.2.3", Commit: "abc"}
	s.Launch(t)
	s.Login(t)
	for range 5 {
		s.Do(t, "editor", apptest.Get("/v1/entities")) // three are allowed
	}
	s.Do(t, "editor", apptest.Get("/v1/entities/none"))
	s.Do(t, "", apptest.Get("/nothing/at/all"))
	s.Raw(t, "GET / HTTP/1.1", "X Y : 1", "", "") // which net/http refuses
	keyed := apptest.Post(apptest.EntitiesURL, apptest.Named("Once"), apptest.IdempotencyKey("metrics"))
	s.Do(t, "editor", keyed)
	s.Do(t, "editor", keyed)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["editor"])
	entities := entityv1.NewEntityServiceClient(s.GRPC)
	_, _ = entities.GetEntity(ctx, &entityv1.GetEntityRequest{Id: "cup"})
	_, _ = entities.GetEntity(ctx, &entityv1.GetEntityRequest{Id: "none"})

	got := s.Scrape(t)
	wantSample(t, got, 3, "statusway_requests_total", "route", "/v1/entities", "method", "GET", "status", "200", "code", "OK", "rule", "declared")
	wantSample(t, got, 2, "statusway_requests_total", "route", "/v1/entities", "status", "429", "reason", "RATE_LIMITED", "domain", "statusway.v1")
	wantSample(t, got, 1, "statusway_requests_total", "route", "/v1/entities/{id}", "status", "404", "reason", "ENTITY_NOT_FOUND", "domain", "entity.v1")
	wantSample(t, got, 1, "statusway_requests_total", "route", "unmatched", "status", "404", "reason", "ROUTE_NOT_FOUND")
	wantSample(t, got, 1, "statusway_requests_total", "route", "unmatched", "method", "_OTHER", "status", "400", "reason", "MALFORMED_REQUEST")
	wantSample(t, got, 3, "statusway_request_duration_seconds_count", "route", "/v1/entities", "method", "GET", "class", "2xx")
	wantSample(t, got, 3, "statusway_request_duration_seconds_bucket", "route", "/v1/entities", "method", "GET", "class", "2xx", "le", "+Inf")
	wantSample(t, got, 1, "statusway_idempotency_replays_total", "route", "/v1/entities", "method", "POST")
	wantSample(t, got, 2, "statusway_limiter_decisions_total", "policy", "few", "decision", "refused")
	wantSample(t, got, 3, "statusway_limiter_decisions_total", "policy", "few", "decision", "allowed")
	wantSample(t, got, -1, "statusway_limiter_decisions_total", "policy", "all", "decision", "allowed")
	wantSample(t, got, 1, "statusway_grpc_calls_total", "method", "/entity.v1.EntityService/GetEntity", "code", "OK")
	wantSample(t, got, 1, "statusway_grpc_calls_total", "method", "/entity.v1.EntityService/GetEntity", "code", "NOT_FOUND")
	wantSample(t, got, 2, "statusway_grpc_call_duration_seconds_count", "method", "/entity.v1.EntityService/GetEntity")
	wantSample(t, got, 1, "statusway_requests_in_flight") // the scrape itself
	wantSample(t, got, 0, "statusway_requests_shed_total")
	wantSample(t, got, 1000, "statusway_concurrency_limit")
	wantSample(t, got, 0, "statusway_imports_unfinished")
	wantSample(t, got, 0, "statusway_imports_entities_remaining")
	wantSample(t, got, 1, "statusway_build_info", "version", "v1.2.3", "commit", "abc")
	wantSample(t, got, -1, "go_goroutines")
	wantSample(t, got, -1, "process_start_time_seconds")
	wantSample(t, s.Scrape(t), 1, "statusway_requests_total", "route", "/metrics")
}

// The metrics can be read when nothing else can: in maintenance, over the limits, with a
// broken store and while the server stops.
func TestMetricsAreReachable(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		"maintenance": "SERVICE_IN_MAINTENANCE", "one-in-flight": "SERVICE_OVERLOADED", "broken-store": "STORE_FAILED", "draining": "SERVICE_DRAINING",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, name)
			user := "admin"
			s.Do(t, user, apptest.Get("/v1/entities/cup"))
			got := s.Scrape(t)
			route := "/v1/entities/{id}"
			if name == "draining" {
				route = "/readyz" // Everything else is served as before.
			}
			wantSample(t, got, -1, "statusway_requests_total", "route", route, "reason", reason)
			if name == "one-in-flight" {
				wantSample(t, got, 1, "statusway_requests_shed_total")
				wantSample(t, got, 2, "statusway_requests_in_flight")
			}
		})
	}
}

// Before other servers the proxy tells how it is connected to them, and its reasons are
// those that it knows.
func TestMetricsOfTheProxy(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	proxied := apptest.StartProxy(t, s)
	proxied.Do(t, "editor", apptest.Get("/v1/entities/none"))
	got := proxied.Scrape(t)
	backend := s.App.GRPCAddr()
	wantSample(t, got, 1, "statusway_backend_connection_state", "backend", backend, "state", "ready")
	wantSample(t, got, 1, "statusway_backend_connection_state", "backend", backend) // no other
	wantSample(t, got, 0, "statusway_backend_problems", "backend", backend)
	wantSample(t, got, 10, "statusway_backend_schema_interval_seconds", "backend", backend)
	if age, many := find(got, "statusway_backend_schema_age_seconds", "backend", backend); many != 1 || age < 0 || age > 60 {
		t.Errorf("the schema is %v s old", age)
	}
	wantSample(t, got, 1, "statusway_requests_total", "route", "/v1/entities/{id}", "code", "NOT_FOUND", "reason", "other", "domain", "other")
	if _, many := find(got, "statusway_imports_unfinished"); many > 0 {
		t.Error("the proxy tells of imports")
	}
}

// At an address of their own the metrics are there alone, and on the REST port no more;
// "off" is nowhere.
func TestMetricsElsewhere(t *testing.T) {
	t.Parallel()
	for _, proxied := range []bool{false, true} {
		for _, address := range []string{"127.0.0.1:0", config.Off} {
			t.Run(fmt.Sprintf("%s, proxied %t", address, proxied), func(t *testing.T) {
				t.Parallel()
				s := apptest.Serve(t, func(c *config.Serve) { c.MetricsAddr = address }, nil, time.Now)
				own := s.App.MetricsAddr()
				if proxied {
					s = apptest.StartProxy(t, s)
					own = s.Proxy.MetricsAddr()
				}
				apptest.WantStatus(t, s.Do(t, "", apptest.Get("/metrics")), http.StatusNotFound, "ROUTE_NOT_FOUND")
				if address == config.Off {
					if own != "" {
						t.Errorf("served at %s", own)
					}
					return
				}
				for path, want := range map[string]int{"/metrics": 200, "/healthz": 404, "/v1/entities": 404} {
					got := fetch(t, "http://"+own+path)
					if got.status != want || !strings.Contains(got.body, map[int]string{200: "statusway_requests_total", 404: `"reason":"ROUTE_NOT_FOUND"`}[want]) {
						t.Errorf("%s: %d %s", path, got.status, got.body)
					}
				}
			})
		}
	}
}
