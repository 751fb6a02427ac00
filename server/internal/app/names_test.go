package app_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/statusway/statusway/gateway/metrics"
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
				s = startProxy(t, s)
			}
			want := s.operations(t)
			for _, one := range want {
				method, path, _ := strings.Cut(one, " ")
				if _, err := s.Send(t.Context(), conformance.OverHTTP1, &conformance.Message{
					Method: method, Target: pathWith(path, "none"), Headers: [][2]string{{"Grpc-Timeout", "200m"}}, // Some calls last until they are cancelled.
				}); err != nil {
					t.Errorf("%s: %v", one, err)
				}
			}
			for told, routes := range map[string]func() []string{
				"metrics": func() []string { return s.countedRoutes(t) },
				"log":     func() []string { return s.loggedRoutes(t) },
				"spans":   func() []string { return tracedRoutes(recorder) },
			} {
				// What is told of a request may be told after its answer.
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

// pathWith is a path of the document with a value in the place of each wildcard.
func pathWith(path, value string) string {
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, value)
}

// operations are those of the document that the server serves, but for the one at whose
// path there is a page: the method and the path.
func (s *server) operations(t *testing.T) []string {
	t.Helper()
	model, err := modelOf([]byte(fetch(t, "http://"+s.address()+"/openapi.json").body))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			if !slices.Contains(pages(), path) {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	return unique(all)
}

func (s *server) countedRoutes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, one := range s.scrape(t) {
		route, isOne := one.labels["route"]
		if isOne && !slices.Contains(append(pages(), metrics.Unmatched, "/openapi.json", "/metrics"), route) {
			all = append(all, one.labels["method"]+" "+route)
		}
	}
	return unique(all)
}

func (s *server) loggedRoutes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, line := range s.lines(t) {
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
