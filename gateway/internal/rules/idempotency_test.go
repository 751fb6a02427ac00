package rules_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
)

// checklist: IDE-01
func TestIdempotencyKeySyntax(t *testing.T) {
	t.Parallel()
	const malformed = "MALFORMED_IDEMPOTENCY_KEY"
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"a string":           {[]string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`}, ""},
		"with escapes":       {[]string{`"a\"b\\c"`}, ""},
		"with spaces":        {[]string{`" a b "`}, ""},
		"with a comma":       {[]string{`"a, b"`}, ""},
		"with a parameter":   {[]string{`"a";version=1`}, ""},
		"longest":            {[]string{`"` + strings.Repeat("k", 255) + `"`}, ""},
		"longest, escaped":   {[]string{`"` + strings.Repeat(`\"`, 255) + `"`}, ""},
		"one too long":       {[]string{`"` + strings.Repeat("k", 256) + `"`}, malformed},
		"empty":              {[]string{`""`}, malformed},
		"nothing":            {[]string{``}, malformed},
		"unquoted":           {[]string{`8e03978e-40d5-43dd-bc93-6894a57f9324`}, malformed},
		"a token":            {[]string{`abc`}, malformed},
		"a number":           {[]string{`42`}, malformed},
		"bytes":              {[]string{`:YWJj:`}, malformed},
		"a boolean":          {[]string{`?1`}, malformed},
		"a display string":   {[]string{`%"a"`}, malformed},
		"single quotes":      {[]string{`'abc'`}, malformed},
		"not closed":         {[]string{`"abc`}, malformed},
		"something behind":   {[]string{`"abc" x`}, malformed},
		"a list":             {[]string{`"a", "b"`}, malformed},
		"two lines":          {[]string{`"a"`, `"b"`}, malformed},
		"two lines, one key": {[]string{`"a`, `b"`}, malformed},
		"the same twice":     {[]string{`"a"`, `"a"`}, malformed},
		"a bad escape":       {[]string{`"a\b"`}, malformed},
		"a control":          {[]string{"\"a\tb\""}, malformed},
		"not ASCII":          {[]string{`"ä"`}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, nil)
			got := k.attempt(t, creation, withLine("Idempotency-Key", test.lines...))
			status, calls := http.StatusCreated, int64(1)
			if test.want != "" {
				status, calls = http.StatusBadRequest, 0
			}
			if got.Code != status || answerReason(t, got) != test.want || k.calls.Load() != calls || k.store.len() != int(calls) {
				t.Errorf("%d %q after %d calls; want %d %q", got.Code, answerReason(t, got), k.calls.Load(), status, test.want)
			}
		})
	}
}

// Parameters and whitespace are not of the key.
func TestIdempotencyKeyValue(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	for _, line := range []string{`"a"`, `  "a" `, `"a";x`, `"\\"`, `"A"`} {
		k.attempt(t, creation, withLine("Idempotency-Key", line))
	}
	if k.calls.Load() != 3 {
		t.Errorf("%d requests were served, want 3: a, \\ and A", k.calls.Load())
	}
}

// checklist: IDE-02
func TestIdempotencyKeyByMethod(t *testing.T) {
	t.Parallel()
	const unsupported, missing = "IDEMPOTENCY_KEY_UNSUPPORTED", "IDEMPOTENCY_KEY_MISSING"
	for name, test := range map[string]struct {
		method  string
		policy  contract.IdempotencyKey
		noStore bool
		noKey   bool
		want    string
	}{
		"optional":                      {"POST", contract.KeyOptional, false, false, ""},
		"optional, none":                {"POST", contract.KeyOptional, false, true, ""},
		"optional, nothing keeps it":    {"POST", contract.KeyOptional, true, false, unsupported},
		"optional, none, nothing keeps": {"POST", contract.KeyOptional, true, true, ""},
		"required":                      {"POST", contract.KeyRequired, false, false, ""},
		"required, none":                {"POST", contract.KeyRequired, false, true, missing},
		"required, PATCH":               {"PATCH", contract.KeyRequired, false, true, missing},
		"unsupported, POST":             {"POST", contract.KeyUnsupported, false, false, unsupported},
		"unsupported, PUT":              {"PUT", contract.KeyUnsupported, false, false, unsupported},
		"unsupported, PATCH":            {"PATCH", contract.KeyUnsupported, false, false, unsupported},
		"unsupported, DELETE":           {"DELETE", contract.KeyUnsupported, false, false, unsupported},
		"unsupported, BREW":             {"BREW", contract.KeyUnsupported, false, false, unsupported},
		"unsupported, GET":              {"GET", contract.KeyUnsupported, false, false, ""},
		"unsupported, HEAD":             {"HEAD", contract.KeyUnsupported, false, false, ""},
		"unsupported, none":             {"POST", contract.KeyUnsupported, false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, nil)
			if test.noStore {
				params := rules.IdempotencyParams{Responder: k.responder, Logger: slog.New(slog.DiscardHandler)}
				k.handler = idempotent(params)(k.create)
			}
			k.binding.Method.IdempotencyKey, k.binding.Safe = test.policy, test.method == http.MethodGet || test.method == http.MethodHead
			got := k.attempt(t, creation, func(r *http.Request) {
				r.Method = test.method
				if test.noKey {
					r.Header.Del("Idempotency-Key")
				}
			})
			if reason := answerReason(t, got); reason != test.want || (got.Code == http.StatusBadRequest) != (test.want != "") {
				t.Errorf("%d %q, want %q", got.Code, reason, test.want)
			}
			if kept := k.store.len() == 1; kept != (test.want == "" && !test.noKey && !test.noStore && test.policy != contract.KeyUnsupported) {
				t.Errorf("kept: %t", kept)
			}
		})
	}
}

// checklist: IDE-05
func TestIdempotencyReplaysASuccess(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	first := k.attempt(t, creation, withLine("X-Request-Id", "r-1"))
	again := k.attempt(t, creation, func(r *http.Request) {
		exchange.From(r.Context()).Fields.Set("X-Request-ID", "r-2")
		r.Header.Set("Prefer", "return=minimal") // The answer is the first one's.
	})
	if first.Code != http.StatusCreated || first.Header().Get("Idempotency-Replayed") != "" {
		t.Fatalf("first: %d %v", first.Code, first.Header())
	}
	if again.Code != first.Code || again.Body.String() != first.Body.String() || k.calls.Load() != 1 {
		t.Errorf("%d %s after %d calls, want %d %s", again.Code, again.Body, k.calls.Load(), first.Code, first.Body)
	}
	want := first.Header().Clone()
	want.Set("Idempotency-Replayed", "true")
	want.Set("X-Request-ID", "r-2")
	if diff := cmp.Diff(want, again.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if first.Header().Get("Location") != "/v1/entities/e1" || first.Header().Get("ETag") != `"7"` {
		t.Errorf("Location %q, ETag %q", first.Header().Get("Location"), first.Header().Get("ETag"))
	}
	if k.log.Len() > 0 {
		t.Errorf("logged: %s", &k.log)
	}
}

// checklist: IDE-05, IDE-08
func TestIdempotencyOfFailures(t *testing.T) {
	t.Parallel()
	detailed := func(code codes.Code, detail *errdetails.RetryInfo) error {
		full, err := status.New(code, "come back").WithDetails(detail)
		if err != nil {
			t.Fatal(err)
		}
		return full.Err()
	}
	soon := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	for name, test := range map[string]struct {
		err    error
		status int
		kept   bool
	}{
		"invalid":               {status.Error(codes.InvalidArgument, "x"), 400, true},
		"out of range":          {status.Error(codes.OutOfRange, "x"), 400, true},
		"not found":             {status.Error(codes.NotFound, "x"), 404, true},
		"already exists":        {status.Error(codes.AlreadyExists, "x"), 409, true},
		"aborted":               {status.Error(codes.Aborted, "x"), 409, true},
		"failed precondition":   {status.Error(codes.FailedPrecondition, "x"), 409, true},
		"permission denied":     {status.Error(codes.PermissionDenied, "x"), 403, true},
		"aborted, come back":    {detailed(codes.Aborted, soon), 409, false},
		"unauthenticated":       {status.Error(codes.Unauthenticated, "x"), 401, false},
		"quota":                 {status.Error(codes.ResourceExhausted, "x"), 429, false},
		"internal":              {status.Error(codes.Internal, "x"), 500, false},
		"unknown":               {status.Error(codes.Unknown, "x"), 500, false},
		"data loss":             {status.Error(codes.DataLoss, "x"), 500, false},
		"unimplemented":         {status.Error(codes.Unimplemented, "x"), 500, false},
		"one beyond":            {status.Error(17, "x"), 500, false},
		"unavailable":           {status.Error(codes.Unavailable, "x"), 503, false},
		"deadline":              {status.Error(codes.DeadlineExceeded, "x"), 503, false},
		"cancelled":             {status.Error(codes.Canceled, "x"), 503, false},
		"plain":                 {errors.New("plain"), 500, false},
		"context":               {context.DeadlineExceeded, 503, false},
		"wrapped":               {errors.Join(errors.New("outer"), status.Error(codes.NotFound, "x")), 404, true},
		"the gateway's own":     {respond.Fail(policy.ReasonRouteNotFound, "x"), 404, true},
		"with a header":         {respond.Fail(policy.ReasonMethodNotAllowed, "x").WithHeader("Allow", "GET"), 405, true},
		"a status that is fine": {&respond.Failure{Status: status.New(codes.OK, "").Proto()}, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { return test.err })
			first := k.attempt(t, creation)
			again := k.attempt(t, creation, func(r *http.Request) { exchange.From(r.Context()).RequestID = "r-2" })
			if first.Code != test.status || again.Code != test.status || answerReason(t, first) != answerReason(t, again) {
				t.Errorf("%d, then %d; want %d", first.Code, again.Code, test.status)
			}
			calls, replayed := int64(2), ""
			if test.kept {
				calls, replayed = 1, "true"
			}
			if k.calls.Load() != calls || again.Header().Get("Idempotency-Replayed") != replayed || first.Header().Get("Idempotency-Replayed") != "" {
				t.Errorf("%d calls, Idempotency-Replayed %q; want %d, %q", k.calls.Load(), again.Header().Get("Idempotency-Replayed"), calls, replayed)
			}
			if !strings.Contains(again.Body.String(), `"requestId":"r-2"`) {
				t.Errorf("the problem is not the new request's: %s", again.Body)
			}
			if first.Header().Get("Allow") != again.Header().Get("Allow") {
				t.Errorf("Allow %q, then %q", first.Header().Get("Allow"), again.Header().Get("Allow"))
			}
			if kept := k.store.len() == 1; kept != test.kept {
				t.Errorf("kept: %t", kept)
			}
		})
	}
}

// A failure is kept as a status, so that a request gets it in the form it asks for.
func TestIdempotencyReplaysInTheFormAsked(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { return status.Error(codes.NotFound, "no such group") })
	k.attempt(t, creation)
	again := k.attempt(t, creation, func(r *http.Request) {
		handler := flat(rules.Accept(nil))(func(http.ResponseWriter, *http.Request) error { return nil })
		r.Header.Set("Accept", respond.ErrorType)
		if err := handler(nil, r); err != nil {
			t.Fatal(err)
		}
	})
	if again.Header().Get("Content-Type") != respond.ErrorType || !strings.Contains(again.Body.String(), "no such group") {
		t.Errorf("%s: %s", again.Header().Get("Content-Type"), again.Body)
	}
}

// checklist: IDE-03, IDE-08
func TestIdempotencyScope(t *testing.T) {
	t.Parallel()
	target := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			parsed, err := r.URL.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = parsed
		}
	}
	const same, reused, separate = "", "IDEMPOTENCY_KEY_REUSED", "separate"
	for name, test := range map[string]struct {
		body          string
		first, second []func(*http.Request)
		want          string
	}{
		"the same":               {creation, nil, nil, same},
		"other body":             {`{"displayName":"A cup"}`, nil, nil, reused},
		"longer body":            {creation + " ", nil, nil, reused},
		"no body":                {``, nil, nil, reused},
		"other content type":     {creation, nil, []func(*http.Request){withLine("Content-Type", "application/merge-patch+json")}, reused},
		"other query":            {creation, nil, []func(*http.Request){target("/v1/entities?a=b")}, reused},
		"other header":           {creation, nil, []func(*http.Request){withLine("Accept-Language", "de")}, same},
		"other token, same user": {creation, nil, []func(*http.Request){withLine("Authorization", "Bearer x")}, same},
		"other key":              {creation, nil, []func(*http.Request){withLine("Idempotency-Key", `"another"`)}, separate},
		"other path":             {creation, nil, []func(*http.Request){target("/v1/others")}, separate},
		"other method":           {creation, nil, []func(*http.Request){func(r *http.Request) { r.Method = http.MethodPatch }}, separate},
		"other user":             {creation, nil, []func(*http.Request){asCaller("user:admin")}, separate},
		"same address": {
			creation, []func(*http.Request){asCaller("address:::1")}, []func(*http.Request){asCaller("address:::1")}, same,
		},
		"same address, other credentials": {
			creation,
			[]func(*http.Request){asCaller("address:::1"), withLine("Authorization", "Bearer a")},
			[]func(*http.Request){asCaller("address:::1"), withLine("Authorization", "Bearer b")},
			separate,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, nil)
			k.attempt(t, creation, test.first...)
			got := k.attempt(t, test.body, test.second...)
			want := map[string]int64{same: 1, reused: 1, separate: 2}[test.want]
			if k.calls.Load() != want {
				t.Errorf("%d requests were served, want %d", k.calls.Load(), want)
			}
			if reason := answerReason(t, got); (test.want == reused) != (reason == reused) || (got.Code == http.StatusBadRequest) != (test.want == reused) {
				t.Errorf("%d %q", got.Code, reason)
			}
			if replayed := got.Header().Get("Idempotency-Replayed"); (replayed == "true") != (test.want == same) {
				t.Errorf("Idempotency-Replayed %q", replayed)
			}
		})
	}
}
