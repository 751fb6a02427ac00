package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/statusway/statusway/gateway/observe/metrics"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// Each operation of the document is counted, logged and traced by its method and by its
// path as the document has it, and nothing that has a route is by anything else.
func TestRoutesAreOfTheDocument(t *testing.T) {
	t.Parallel()
	for _, proxied := range []bool{false, true} {
		t.Run(fmt.Sprintf("proxied %t", proxied), func(t *testing.T) {
			t.Parallel()
			s, recorder := traced(t)
			if proxied {
				s = apptest.StartProxy(t, s)
			}
			want := operations(t, s)
			for _, one := range want {
				method, path, _ := strings.Cut(one, " ")
				if _, err := s.Send(t.Context(), conformance.OverHTTP1, &conformance.Message{
					Method: method, Target: apptest.FillPath(path, "none"), Headers: [][2]string{{"Grpc-Timeout", "200m"}}, // Some calls last until they are cancelled.
				}); err != nil {
					t.Errorf("%s: %v", one, err)
				}
			}
			for told, routes := range map[string]func() []string{
				"metrics": func() []string { return countedRoutes(t, s) },
				"log":     func() []string { return loggedRoutes(t, s) },
				"spans":   func() []string { return tracedRoutes(recorder) },
			} {
				// The server may record a request after its response.
				got := routes()
				for deadline := time.Now().Add(conformance.EventuallyTimeout); len(got) < len(want) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					got = routes()
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the operations of the document (-) and those of the %s (+):\n%s", told, diff)
				}
			}
		})
	}
}

// operations are the methods and paths of the document that the server serves, without
// the paths of pages.
func operations(t *testing.T, s *apptest.Server) []string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(fetch(t, "http://"+s.Address()+"/openapi.json").body), &document); err != nil {
		t.Fatal(err)
	}
	var all []string
	for path, item := range document.Paths {
		for method := range item {
			if !slices.Contains(apptest.Pages(), path) {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return unique(all)
}

func countedRoutes(t *testing.T, s *apptest.Server) []string {
	t.Helper()
	var all []string
	for _, one := range s.Scrape(t) {
		route, isOne := one.Labels["route"]
		if isOne && !slices.Contains(append(apptest.Pages(), metrics.Unmatched, "/openapi.json", "/metrics"), route) {
			all = append(all, one.Labels["method"]+" "+route)
		}
	}
	return unique(all)
}

func loggedRoutes(t *testing.T, s *apptest.Server) []string {
	t.Helper()
	var all []string
	for _, line := range s.LogLines(t) {
		if line["msg"] == "request" && line["rpc"] != nil { // a page has no RPC
			all = append(all, fmt.Sprintf("%s %s", line["method"], line["route"]))
		}
	}
	return unique(all)
}

// tracedRoutes are the names of the spans that have a route, and what they should be named
// by it.
func tracedRoutes(recorder *tracetest.SpanRecorder) []string {
	var all []string
	for _, span := range recorder.Ended() {
		about := attribute.NewSet(span.Attributes()...)
		method, _ := about.Value("http.request.method")
		if route, isRouted := about.Value("http.route"); isRouted {
			all = append(all, span.Name(), method.AsString()+" "+route.AsString())
		}
	}
	return unique(all)
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}
