package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/observe/metrics"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// measured is a gateway whose requests are counted.
type measured struct {
	*metrics.Metrics
	http.Handler

	registry *prometheus.Registry
	contract *contract.Contract
	table    *policy.Table
}

// front makes one whose backend is a function. A nil error is a success.
func front(tb testing.TB, call exchange.Handler, reasons ...metrics.Reason) *measured {
	tb.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		tb.Fatal(err)
	}
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto)
	if err != nil {
		tb.Fatal(err)
	}
	m := &measured{registry: prometheus.NewPedanticRegistry(), contract: declared, table: table}
	if m.Metrics, err = metrics.New(metrics.Params{Registry: m.registry, Table: table, Reasons: reasons}); err != nil {
		tb.Fatal(err)
	}
	built, err := gateway.New(backend.New(backend.Params{Version: &backend.Version{Contract: declared, Handler: func(host backend.Host) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := call(w, r); err != nil {
				return err
			}
			return host.Responder.Reply(w, r, respond.Reply{Message: &entityv1.Entity{Id: "e"}})
		}
	}}}), gateway.Config{
		MaxBody: 1 << 20, Observer: m.Metrics, Pages: map[string]gateway.Page{"/healthz": {
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", []byte("fine")) }),
		}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	m.Handler = built
	return m
}

func (m *measured) send(ctx context.Context, method, target, body string) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", strings.NewReader(body))
	request.Method = method
	request.URL.Path, request.URL.RawQuery, _ = strings.Cut(target, "?")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	m.ServeHTTP(httptest.NewRecorder(), request)
}

// series returns all series, as "name{label=value …}", with their values; for a
// histogram, the number of observations. It includes series with the value 0.
func (m *measured) series(tb testing.TB) map[string]float64 {
	tb.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			var labels []string
			for _, label := range one.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			all[fmt.Sprintf("%s{%s}", strings.TrimPrefix(family.GetName(), "statusway_"), strings.Join(labels, " "))] = value(one)
		}
	}
	return all
}

func value(one *dto.Metric) float64 {
	switch {
	case one.GetCounter() != nil:
		return one.GetCounter().GetValue()
	case one.GetGauge() != nil:
		return one.GetGauge().GetValue()
	default:
		return float64(one.GetHistogram().GetSampleCount())
	}
}

// TestRequests: requests are counted by their known labels.
func TestRequests(t *testing.T) {
	t.Parallel()
	const body = `{"displayName":"A thing"}`
	failure := func(domain, reason string) error {
		info, err := anypb.New(&errdetails.ErrorInfo{Domain: domain, Reason: reason})
		if err != nil {
			t.Error(err)
		}
		return &respond.Failure{Status: &spb.Status{Code: int32(codes.NotFound), Details: []*anypb.Any{info}}}
	}
	for name, test := range map[string]struct {
		method, target, body string
		err                  error
		want                 map[string]float64
	}{
		"a success": {"GET", "/v1/entities/e", "", nil, map[string]float64{
			"requests_total{code=OK domain= method=GET reason= route=/v1/entities/{id} rule=declared status=200}": 1,
			"request_duration_seconds{class=2xx method=GET route=/v1/entities/{id}}":                              1,
			"request_body_bytes_total{method=GET route=/v1/entities/{id}}":                                        0,
			"response_body_bytes_total{method=GET route=/v1/entities/{id}}":                                       48,
			"requests_client_closed_total{method=GET route=/v1/entities/{id}}":                                    0,
			"idempotency_replays_total{method=GET route=/v1/entities/{id}}":                                       0,
			"requests_in_flight{}": 0,
		}},
		"a body": {"POST", "/v1/entities", body, nil, map[string]float64{
			"requests_total{code=OK domain= method=POST reason= route=/v1/entities rule=declared status=201}": 1,
			"request_body_bytes_total{method=POST route=/v1/entities}":                                        float64(len(body)),
		}},
		"a path whose field has another name": {"PATCH", "/v1/entities/e", body, nil, map[string]float64{
			"requests_total{code=OK domain= method=PATCH reason= route=/v1/entities/{id} rule=declared status=200}": 1,
		}},
		"a part of a name": {"GET", "/v1/operations/o", "", nil, map[string]float64{
			"requests_total{code=OK domain= method=GET reason= route=/v1/operations/{operationsId} rule=declared status=200}": 1,
		}},
		"HEAD": {"HEAD", "/v1/entities/e", "", nil, map[string]float64{
			"requests_total{code=OK domain= method=HEAD reason= route=/v1/entities/{id} rule=declared status=200}": 1,
			"response_body_bytes_total{method=HEAD route=/v1/entities/{id}}":                                       0,
		}},
		"a reason that the program knows": {"GET", "/v1/entities/e", "", failure("a.v1", "KNOWN"), map[string]float64{
			"requests_total{code=NOT_FOUND domain=a.v1 method=GET reason=KNOWN route=/v1/entities/{id} rule=not-found status=404}": 1,
			"request_duration_seconds{class=4xx method=GET route=/v1/entities/{id}}":                                               1,
		}},
		"that reason of another domain": {"GET", "/v1/entities/e", "", failure("b.v1", "KNOWN"), map[string]float64{
			"requests_total{code=NOT_FOUND domain=other method=GET reason=other route=/v1/entities/{id} rule=not-found status=404}": 1,
		}},
		"a code without a name": {"GET", "/v1/entities/e", "", &respond.Failure{Status: &spb.Status{Code: 4711}}, map[string]float64{
			"requests_total{code=UNKNOWN domain= method=GET reason= route=/v1/entities/{id} rule=other status=500}": 1,
			"request_duration_seconds{class=5xx method=GET route=/v1/entities/{id}}":                                1,
		}},
		"no route": {"GET", "/nothing", "", nil, map[string]float64{
			"requests_total{code=NOT_FOUND domain=statusway.v1 method=GET reason=ROUTE_NOT_FOUND route=unmatched rule=route-not-found status=404}": 1,
		}},
		"no known method": {"BREW", "/v1/entities", "", nil, map[string]float64{
			"requests_total{code=UNIMPLEMENTED domain=statusway.v1 method=_OTHER reason=METHOD_NOT_ALLOWED route=unmatched rule=method-not-allowed status=405}": 1,
		}},
		"a page": {"GET", "/healthz", "", nil, map[string]float64{
			"requests_total{code=OK domain= method=GET reason= route=/healthz rule=ok status=200}": 1,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m *measured
			m = front(t, func(_ http.ResponseWriter, r *http.Request) error {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					t.Error(err)
				}
				if running := m.series(t)["requests_in_flight{}"]; running != 1 {
					t.Errorf("%v in flight", running)
				}
				return test.err
			}, metrics.Reason{Domain: "a.v1", Reason: "KNOWN"})
			m.send(t.Context(), test.method, test.target, test.body)
			got := m.series(t)
			for series, want := range test.want {
				if value, ok := got[series]; !ok || value != want {
					t.Errorf("%s is %v, want %v", series, value, want)
				}
			}
			if t.Failed() {
				t.Logf("there are %v", got)
			}
		})
	}
}

// TestFaultRatioWithoutClientsThatLeave: the ratio of the alert on faults is 0 even if 14
// of 100 clients disconnect.
func TestFaultRatioWithoutClientsThatLeave(t *testing.T) {
	t.Parallel()
	left, leave := context.WithCancel(t.Context())
	leave()
	m := front(t, func(_ http.ResponseWriter, r *http.Request) error { return r.Context().Err() })
	for i := range 100 {
		ctx := t.Context()
		if i%7 == 0 && i < 98 { // 14 of them
			ctx = left
		}
		m.send(ctx, "GET", "/v1/entities/e", "")
	}
	var closed, faults, all float64
	for series, value := range m.series(t) {
		if !strings.HasPrefix(series, "requests_total{") {
			continue
		}
		all += value
		switch {
		case strings.Contains(series, " status=5"):
			faults += value
		case strings.Contains(series, " status=client_closed"):
			closed += value
		}
	}
	if all != 100 || closed != 14 || faults != 0 {
		t.Errorf("%v requests, %v of them left by their clients, %v faults", all, closed, faults)
	}
}

// TestClientsThatLeave: clients that disconnect and replayed responses are counted
// separately.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := front(t, func(_ http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			exchange.From(r.Context()).Replayed = true
			return nil
		}
		cancel()
		return context.Canceled
	})
	m.send(ctx, "GET", "/v1/entities/e", "")
	m.send(t.Context(), "POST", "/v1/entities", "{}")
	got := m.series(t)
	for series, want := range map[string]float64{
		"requests_client_closed_total{method=GET route=/v1/entities/{id}}": 1, "idempotency_replays_total{method=POST route=/v1/entities}": 1,
		"requests_total{code=CANCELLED domain= method=GET reason= route=/v1/entities/{id} rule=cancelled status=client_closed}": 1,
		"request_duration_seconds{class=client_closed method=GET route=/v1/entities/{id}}":                                      1,
	} {
		if got[series] != want {
			t.Errorf("%s is %v, want %v: %v", series, got[series], want, got)
		}
	}
}

// limits decide as their methods say.
type limits struct{}

type limitError struct{}

func (limitError) Error() string      { return "the limit is down" }
func (limitError) PolicyName() string { return "broken" }

func (limits) Take(_ context.Context, use ratelimit.Use) (ratelimit.Allowance, error) {
	switch use.Caller {
	case "named":
		return nil, fmt.Errorf("taking: %w", limitError{})
	case "unnamed":
		return nil, errors.New("down")
	default:
		return ratelimit.Allowance{{Policy: "minute"}, {Policy: "day", Exceeded: use.Caller == "often"}}, nil
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	m := front(t, nil)
	limiter := m.Limiter(limits{})
	for _, caller := range []string{"seldom", "often", "often", "named", "unnamed"} {
		allowance, err := limiter.Take(t.Context(), ratelimit.Use{Caller: caller})
		if want, wantErr := (limits{}).Take(t.Context(), ratelimit.Use{Caller: caller}); !cmp.Equal(want, allowance) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, %v", caller, allowance, err)
		}
	}
	want := map[string]float64{
		"limiter_decisions_total{decision=allowed policy=minute}": 3, "limiter_decisions_total{decision=allowed policy=day}": 1,
		"limiter_decisions_total{decision=refused policy=day}": 2, "limiter_decisions_total{decision=failed policy=broken}": 1,
		"limiter_decisions_total{decision=failed policy=other}": 1, "requests_shed_total{}": 0, "requests_in_flight{}": 0,
	}
	if diff := cmp.Diff(want, m.series(t)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestShed: whichever rule refuses a request because the server has too much to do.
func TestShed(t *testing.T) {
	t.Parallel()
	m := front(t, func(_ http.ResponseWriter, r *http.Request) error {
		exchange.From(r.Context()).Shed = r.Method == http.MethodPost
		return nil
	})
	m.send(t.Context(), "GET", "/v1/entities/e", "")
	m.send(t.Context(), "POST", "/v1/entities", "{}")
	if got := m.series(t)["requests_shed_total{}"]; got != 1 {
		t.Errorf("%v were shed", got)
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	m := front(t, nil)
	for _, code := range []int32{0, 0, 5, 99} {
		m.Call("/a.B/C", code, time.Millisecond)
	}
	want := map[string]float64{
		"grpc_calls_total{code=OK method=/a.B/C}": 2, "grpc_calls_total{code=NOT_FOUND method=/a.B/C}": 1, "grpc_calls_total{code=UNKNOWN method=/a.B/C}": 1,
		"grpc_call_duration_seconds{method=/a.B/C}": 4, "requests_shed_total{}": 0, "requests_in_flight{}": 0,
	}
	if diff := cmp.Diff(want, m.series(t)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSeriesAreBounded: the contract and the policy limit the number of series, whatever
// clients and a backend do.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	word := func() string { return fmt.Sprintf("W%X", r.Uint64()) }
	var next error
	m := front(t, func(http.ResponseWriter, *http.Request) error { return next }, metrics.Reason{Domain: "a.v1", Reason: "KNOWN"})
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	const requests = 20000
	for range requests {
		info, err := anypb.New(&errdetails.ErrorInfo{
			Domain: pick("a.v1", policy.Domain, word()), Reason: pick("KNOWN", word(), policy.ReasonInternal),
		})
		if err != nil {
			t.Fatal(err)
		}
		next = nil
		if r.IntN(4) > 0 {
			next = &respond.Failure{Status: &spb.Status{Code: r.Int32N(40) - 10, Message: word(), Details: []*anypb.Any{info}}}
		}
		target := pick("/v1/entities/"+word(), "/v1/entities", "/"+word(), "/v0/"+word(), "/healthz", "/v1/entities:"+word()) + pick("", "?"+word()+"="+word())
		m.send(t.Context(), pick("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", word()), target, pick("", "{}"))
	}
	bindings := 0
	for _, method := range m.contract.Methods {
		bindings += len(method.Bindings)
	}
	// A route is counted by its own method and, if that is GET, by HEAD; the page, and
	// requests without a route, by each of the ten methods. A code and one of the backend's
	// four reasons (one means none, one any other) lead to one rule and status. The gateway
	// itself refuses in about ten ways. There are also six classes of statuses and four
	// counters.
	most := (2*bindings + 2*10) * (17*4 + 10 + 6 + 4)
	got := m.series(t)
	if len(got) > most || most > requests/4 {
		t.Errorf("%d series, want at most %d, of %d requests", len(got), most, requests)
	}
	counted := 0.0
	for series, value := range got {
		if strings.Contains(series, "=W") {
			t.Errorf("a client or a backend has chosen a value: %s", series)
		}
		if strings.HasPrefix(series, "requests_total{") {
			counted += value
		}
	}
	if counted != requests {
		t.Errorf("%v requests are counted, of %d", counted, requests)
	}
}

// TestNoAllocation: a request that has come before costs no memory to count.
//
//nolint:paralleltest // testing.AllocsPerRun counts those of all goroutines.
func TestNoAllocation(t *testing.T) {
	m := front(t, func(http.ResponseWriter, *http.Request) error { return nil })
	record := &observe.Record{
		Start: time.Now(), Method: http.MethodGet, Route: m.contract.Methods[0].Bindings[0].Path,
		Status: 404, Rule: "not-found", Code: 5, Domain: "nobody.v1", Reason: "NOBODY_KNOWS_IT",
	}
	limiter := m.Limiter(limits{})
	if got := testing.AllocsPerRun(100, func() {
		m.Begin()
		m.End(record)
		m.Call("/a.B/C", 5, time.Second)
	}); got > 0 {
		t.Errorf("a request: %v allocations", got)
	}
	own := testing.AllocsPerRun(100, func() { _, _ = limits{}.Take(t.Context(), ratelimit.Use{}) })
	if got := testing.AllocsPerRun(100, func() { _, _ = limiter.Take(t.Context(), ratelimit.Use{}) }); got > own {
		t.Errorf("a decision: %v allocations, and %v by itself", got, own)
	}
}

// TestNamesThatAreTaken are an error, and not a panic at the first request.
func TestNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	m := front(t, nil)
	if _, err := metrics.New(metrics.Params{Registry: m.registry, Table: m.table}); err == nil {
		t.Error("New() was successful twice")
	}
}

func TestNoRegistry(t *testing.T) {
	t.Parallel()
	if _, err := metrics.New(metrics.Params{}); err == nil {
		t.Error("there are metrics without a registry")
	}
}
