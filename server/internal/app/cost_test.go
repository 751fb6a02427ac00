package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
)

// maxMapBytes is what MapStatus and Respond take.
const maxMapBytes = 256 << 10

// details are the texts of errors' details that were costly, each as long as asked for.
func details() map[string]func(size int) string {
	filled := func(head, unit, tail string) func(int) string {
		return func(size int) string {
			units := strings.Repeat(unit+",", max(1, (size-len(head)-len(tail))/(len(unit)+1)))
			return head + units[:len(units)-1] + tail
		}
	}
	const of = `{"@type":"type.googleapis.com/`
	return map[string]func(int) string{
		"empty violations":       filled(of+`google.rpc.BadRequest","fieldViolations":[`, `{}`, `]}`),
		"empty quota violations": filled(of+`google.rpc.QuotaFailure","violations":[`, `{}`, `]}`),
		"empty links":            filled(of+`google.rpc.Help","links":[`, `{}`, `]}`),
		"empty details":          filled(`{},`, `{}`, ``),
		"unknown details":        filled(``, of+`a.B","value":""}`, ``),
		"nulls":                  filled(of+`google.protobuf.ListValue","value":[`, `null`, `]}`),
		"extensions":             filled(of+`statusway.v1.Problem","extensions":{"abc":[`, `0`, `]}}`),
		"nested": func(size int) string {
			// As deep as JSON may be.
			depth := min(size/60, 40)
			return strings.Repeat(of+`google.protobuf.Any","value":`, depth) + of + `google.protobuf.Empty"}` + strings.Repeat(`}`, depth)
		},
		"a long text": func(size int) string {
			return of + `google.rpc.LocalizedMessage","locale":"de","message":"` + strings.Repeat("x", size-90) + `"}`
		},
	}
}

// measuredPost sends a body and returns the status, the reason and what the server allocated.
func measuredPost(t *testing.T, s *apptest.Server, target, body string) (int, string, uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Address()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	var problem struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(text, &problem) // A success has none.
	return response.StatusCode, problem.Reason, after.TotalAlloc - before.TotalAlloc
}

// What a client of MapStatus or Respond sends is within the sizing rule of the deployment
// page, what is too long is 413, and nothing is a fault. Not parallel, because the process's
// allocations are measured.
func TestCostOfMapStatus(t *testing.T) { //nolint:paralleltest // as above.
	s := apptest.Serve(t, func(c *config.Serve) { c.RateLimit, c.Demo = "off", true }, nil, time.Now)
	for name, detail := range details() {
		for _, target := range []string{"/v1/statuses:map", "/conformance/v1/outcomes"} {
			for _, size := range []int{maxMapBytes - 1<<10, maxMapBytes + 1<<10, 3 << 20} {
				body := `{"status":{"code":3,"message":"x","details":[` + detail(size) + `]}}`
				code, reason, allocated := measuredPost(t, s, target, body)
				want := http.StatusOK
				switch {
				case len(body) > maxMapBytes:
					want = http.StatusRequestEntityTooLarge
				case target != "/v1/statuses:map":
					want = http.StatusBadRequest
				}
				if code != want || code == http.StatusRequestEntityTooLarge && reason != "REQUEST_TOO_LARGE" {
					t.Errorf("%s of %d octets to %s: %d %s, want %d", name, len(body), target, code, reason, want)
				}
				if most := uint64(16<<20 + 120*min(len(body), maxMapBytes)); allocated > most {
					t.Errorf("%s of %d octets to %s: %d octets allocated, at most %d", name, len(body), target, allocated, most)
				}
			}
		}
	}
}

// Over gRPC the same request is RESOURCE_EXHAUSTED, by the reason that REST makes 413.
func TestMapStatusTooLargeOverGRPC(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, func(c *config.Serve) { c.RateLimit, c.Demo = "off", true }, nil, time.Now)
	conn, err := grpc.NewClient(s.App.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for size, want := range map[int]codes.Code{maxMapBytes / 2: codes.OK, maxMapBytes + 1: codes.ResourceExhausted, 3 << 20: codes.ResourceExhausted} {
		violations := &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.BadRequest", Value: []byte(strings.Repeat("\x0a\x00", size/2))}
		given := &spb.Status{Code: 3, Details: []*anypb.Any{violations}}
		_, err := mappingv1.NewMappingServiceClient(conn).MapStatus(t.Context(), &mappingv1.MapStatusRequest{Status: given})
		checkTooLarge(t, "MapStatus", err, want)
		_, err = conformancev1.NewConformanceServiceClient(conn).Respond(t.Context(), &conformancev1.Outcome{Status: given})
		if want == codes.OK {
			want = codes.InvalidArgument
		}
		checkTooLarge(t, "Respond", err, want)
	}
}

func checkTooLarge(t *testing.T, method string, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("%s: %v, want %v", method, err, want)
		return
	}
	if want != codes.ResourceExhausted {
		return
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "REQUEST_TOO_LARGE" && info.GetDomain() == "statusway.v1" {
			return
		}
	}
	t.Errorf("%s: no reason in %v", method, err)
}
