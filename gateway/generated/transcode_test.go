package generated_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// TestResponseFields: metadata leaves by name alone, whether it came as header or as
// trailer, with a success and with an error. Other languages than Go send all of it
// as trailers.
func TestResponseFields(t *testing.T) {
	t.Parallel()
	for _, asTrailer := range []bool{false, true} {
		for _, fails := range []bool{false, true} {
			t.Run(fmt.Sprintf("trailer %t, error %t", asTrailer, fails), func(t *testing.T) {
				t.Parallel()
				s := newSide(t, &service{get: func(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
					err := both(ctx, asTrailer, "x-info", "1", "x-info", "2", "x-secret", "s", "grpc-status-details-bin", "\x00\r\n", "x-info-bin", "\x00",
						"set-cookie", "a=b", "content-length", "7", "etag", "x", "cache-control", "public", "location", "/x", "transfer-encoding", "chunked")
					if err == nil && fails {
						err = status.Error(codes.NotFound, "no")
					}
					return entity(), err
				}})
				recorder := s.do(s.request(t, "GET", "/v1/entities/e1", "", "TE", "trailers"))
				want := map[bool]int{false: 200, true: 404}[fails]
				if recorder.Code != want {
					t.Fatalf("%d, want %d: %s", recorder.Code, want, recorder.Body)
				}
				header := recorder.Result().Header
				if got := header["X-Info"]; !slices.Equal(got, []string{"1", "2"}) {
					t.Errorf("X-Info: %q", got)
				}
				for _, name := range []string{"X-Secret", "Grpc-Status-Details-Bin", "X-Info-Bin", "Set-Cookie", "Transfer-Encoding", "Trailer"} {
					if got, ok := header[name]; ok {
						t.Errorf("%s: %q must not leave", name, got)
					}
				}
				if got := header["Cache-Control"]; len(got) != 1 || got[0] == "public" {
					t.Errorf("Cache-Control: %q", got)
				}
				if fails && (header["Etag"] != nil || header["Location"] != nil) {
					t.Errorf("an error speaks of a success: %v", header)
				}
				if !fails && !slices.Equal(header["Etag"], []string{`"7"`}) {
					t.Errorf("ETag: %q", header["Etag"])
				}
				if len(recorder.Result().Trailer) > 0 {
					t.Errorf("trailers: %v", recorder.Result().Trailer)
				}
			})
		}
	}
}

func TestChosenStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header, trailer []string
		want            int
	}{
		"none":                  {nil, nil, 200},
		"in the header":         {[]string{"201"}, nil, 201},
		"in the trailer":        {nil, []string{"201"}, 201},
		"the header goes first": {[]string{"200"}, []string{"201"}, 200},
		"not declared":          {[]string{"204"}, nil, 200},
		"no status":             {[]string{"1000"}, nil, 200},
		"an error":              {[]string{"500"}, nil, 200},
		"no number":             {[]string{"x"}, nil, 200},
		"too large":             {[]string{"4294967497"}, nil, 200},
		"the second is one":     {[]string{"x", "201"}, nil, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{put: func(ctx context.Context, _ *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
				return entity(), errors.Join(grpc.SetHeader(ctx, metadata.MD{"statusway-status": test.header}), grpc.SetTrailer(ctx,
					metadata.MD{"statusway-status": test.trailer}))
			}})
			recorder := s.do(s.request(t, "PUT", "/v1/entities/e1", "{}"))
			if recorder.Code != test.want || (recorder.Header().Get("Location") != "") != (test.want == 201) || recorder.Header().Get("Statusway-Status") != "" {
				t.Errorf("%d, %v; want %d", recorder.Code, recorder.Header(), test.want)
			}
		})
	}
}

// TestErrors: all kinds of errors of a call.
func TestErrors(t *testing.T) {
	t.Parallel()
	notFound := status.Error(codes.NotFound, "no such entity")
	unknown := status.FromProto(&spb.Status{Code: int32(codes.Aborted), Message: "raced", Details: []*anypb.Any{
		{TypeUrl: "type.example.com/unknown.v1.T", Value: []byte{1}}, {TypeUrl: "type.googleapis.com/google.rpc.ErrorInfo", Value: []byte{0xff}},
	}}).Err()
	for name, test := range map[string]struct {
		err     error
		want    int
		message string
	}{
		"status":                {notFound, 404, "no such entity"},
		"wrapped":               {fmt.Errorf("error handling ForwardResponseOptions: %w", notFound), 404, "no such entity"},
		"HTTPStatusError":       {&runtime.HTTPStatusError{HTTPStatus: 402, Err: notFound}, 404, "no such entity"},
		"wrapped, both":         {fmt.Errorf("x: %w", &runtime.HTTPStatusError{HTTPStatus: 9999, Err: fmt.Errorf("y: %w", notFound)}), 404, "no such entity"},
		"HTTPStatusError, bare": {&runtime.HTTPStatusError{HTTPStatus: 404, Err: errors.New("secret")}, 500, ""},
		"HTTPStatusError, nil":  {&runtime.HTTPStatusError{HTTPStatus: 404}, 500, ""},
		"unknown details":       {unknown, 409, "raced"},
		"plain":                 {errors.New("secret"), 500, ""},
		"code 17":               {status.Error(17, "secret"), 500, ""},
		"code -1":               {status.Error(codes.Code(1<<32-1), "secret"), 500, ""},
		"cancelled":             {context.Canceled, 503, ""},
		"deadline":              {fmt.Errorf("x: %w", context.DeadlineExceeded), 503, ""},
		"a flattened 413":       {status.Error(codes.ResourceExhausted, "grpc: received message larger than max"), 413, ""},
	} {
		for _, target := range []string{"/v1/entities/e1", "/v1/entities:export"} {
			t.Run(name+target, func(t *testing.T) {
				t.Parallel()
				s := newSideOver(t, nil, conn{err: test.err})
				recorder := s.do(s.request(t, "GET", target, ""))
				members := problemOf(t, recorder)
				if recorder.Code != test.want || test.message != "" && members["detail"] != test.message {
					t.Errorf("%d %v; want %d %q", recorder.Code, members, test.want, test.message)
				}
				if strings.Contains(recorder.Body.String(), "secret") {
					t.Errorf("the client reads %s", recorder.Body)
				}
			})
		}
	}
}

// TestSizes: a message that is too large has another reason in each direction, and neither
// is a quota.
func TestSizes(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{get: func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		return &entityv1.Entity{Id: strings.Repeat("x", 5000)}, nil
	}})
	if got := s.do(s.request(t, "GET", "/v1/entities/e1", "")); got.Code != 500 || got.Header().Get("Retry-After") != "" {
		t.Errorf("a large response: %d", got.Code)
	}
	if got := s.do(s.request(t, "POST", "/v1/entities", `{"displayName":"`+strings.Repeat("x", 5000)+`"}`)); got.Code != 413 ||
		got.Header().Get("Retry-After") != "" {
		t.Errorf("a large request: %d %s", got.Code, got.Body)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	boom := status.Error(codes.PermissionDenied, "not yours")
	for name, test := range map[string]struct {
		method string
		sent   int
		err    error
		status int
		lines  int
	}{
		"messages":        {"GET", 2, nil, 200, 2},
		"none":            {"GET", 0, nil, 200, 0},
		"fails at once":   {"GET", 0, boom, 403, 1},
		"fails later":     {"GET", 1, boom, 200, 2},
		"head":            {"HEAD", 2, nil, 200, 0},
		"head, fails":     {"HEAD", 0, boom, 403, 0},
		"head, then fail": {"HEAD", 1, boom, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{export: func(stream grpc.ServerStreamingServer[entityv1.Entity]) error {
				if err := stream.SetHeader(metadata.Pairs("x-info", "1", "x-secret", "s")); err != nil {
					return err
				}
				for range test.sent {
					if err := stream.Send(entity()); err != nil {
						return err
					}
				}
				return test.err
			}})
			recorder := s.do(s.request(t, test.method, "/v1/entities:export", ""))
			if recorder.Code != test.status {
				t.Fatalf("%d, want %d: %s", recorder.Code, test.status, recorder.Body)
			}
			if recorder.Header().Get("X-Info") != "1" || recorder.Header().Get("X-Secret") != "" {
				t.Errorf("header: %v", recorder.Header())
			}
			if test.status == 403 {
				if test.method == "GET" && problemOf(t, recorder)["detail"] != "not yours" {
					t.Errorf("body: %s", recorder.Body)
				}
				return
			}
			if got := strings.Count(recorder.Body.String(), "\n"); got != test.lines {
				t.Errorf("%d lines, want %d: %s", got, test.lines, recorder.Body)
			}
			if got := strings.Contains(recorder.Body.String(), `{"error":`); got != (test.err != nil && test.method == "GET") {
				t.Errorf("body: %s", recorder.Body)
			}
		})
	}
}

// TestRequestFields: nothing that a client sends becomes metadata that is trusted.
func TestRequestFields(t *testing.T) {
	t.Parallel()
	var got metadata.MD
	s := newSide(t, &service{
		get: func(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
			got, _ = metadata.FromIncomingContext(ctx)
			return entity(), nil
		},
		put: func(ctx context.Context, _ *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
			got, _ = metadata.FromIncomingContext(ctx)
			return entity(), nil
		},
	})
	fields := []string{
		"Authorization", "Bearer t", "X-Tenant", "a", "X-Tenant", "b", "X-Other", "1", "Cookie", "c=d", "Traceparent", "00-1", "Accept-Language", "de",
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil", "X-Request-Id", "r-1", "Grpc-Metadata-X-Role", "admin", "Grpcgateway-X", "1",
		"Statusway-Status", "201", "X-Role-Bin", "AA==", "If-Match", `"1"`, "If-None-Match", `"2"`, "User-Agent", "u", "X-Tenant", "ü",
	}
	always := map[string][]string{
		"authorization": {"Bearer t"}, "x-tenant": {"a", "b"}, "traceparent": {"00-1"}, "accept-language": {"de"},
		"x-forwarded-for": {"192.0.2.1"}, "x-forwarded-host": {"example.com"}, "x-request-id": {"r-1"},
	}
	s.do(s.request(t, "GET", "/v1/entities/e1", "", fields...))
	expect(t, got, always)
	s.do(s.request(t, "PUT", "/v1/entities/e1", "{}", fields...))
	always["if-match"], always["if-none-match"] = []string{`"1"`}, []string{`"2"`} // because PutEntity declares preconditions
	expect(t, got, always)
}

func expect(t *testing.T, got metadata.MD, want map[string][]string) {
	t.Helper()
	for key, values := range got {
		if !slices.Equal(values, want[key]) {
			t.Errorf("%s: %q, want %q", key, values, want[key])
		}
	}
	for key := range want {
		if got[key] == nil {
			t.Errorf("%s did not arrive", key)
		}
	}
}

// TestTimeout: the call gets the deadline of the gateway, which a client can shorten.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		configured time.Duration
		asked      string
		longest    time.Duration // 0 means that there is no deadline
	}{
		{-1, "", 0},
		{-1, "5S", 5 * time.Second},
		{-1, "99999999H", math.MaxInt64},
		{time.Minute, "", time.Minute},
		{time.Minute, "5S", 5 * time.Second},
		{time.Minute, "1H", time.Minute},
	} {
		var left time.Duration
		var has bool
		s := newSide(t, &service{get: func(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
			var deadline time.Time
			deadline, has = ctx.Deadline()
			left = time.Until(deadline)
			return entity(), ctx.Err()
		}})
		handler, err := gateway.New(s.backend, gateway.Config{Deadline: test.configured})
		if err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/entities/e1", nil)
		if test.asked != "" {
			request.Header.Set("Grpc-Timeout", test.asked)
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != 200 || has != (test.longest != 0) || has && (left <= 0 || left > test.longest) {
			t.Errorf("%v, Grpc-Timeout %q: %d, deadline %t in %v", test.configured, test.asked, recorder.Code, has, left)
		}
	}
}

func TestDetailsSurvive(t *testing.T) {
	t.Parallel()
	s := newSide(t, &service{get: func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		st, err := status.New(codes.NotFound, "no").WithDetails(&errdetails.ResourceInfo{ResourceName: "e1"})
		return nil, errors.Join(err, fmt.Errorf("outer secret: %w", st.Err()))
	}})
	members := problemOf(t, s.do(s.request(t, "GET", "/v1/entities/e1", "")))
	if got := fmt.Sprint(members["details"]); !strings.Contains(got, "resourceName:e1") {
		t.Errorf("%v", members)
	}
}
