package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// keyStore is an IdempotencyStore in memory, and can be told to fail.
type keyStore struct {
	mu   sync.Mutex
	keys map[middleware.Digest]heldKey

	claimErr, completeErr, releaseErr error
	// settled is called before a Complete or Release does anything.
	settled func(ctx context.Context)
	claims  []middleware.Claim
}

type heldKey struct {
	claim  middleware.Claim
	result []byte
}

func newKeyStore() *keyStore { return &keyStore{keys: map[middleware.Digest]heldKey{}} }

func (s *keyStore) Claim(_ context.Context, claim middleware.Claim) (middleware.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, claim)
	if s.claimErr != nil {
		return middleware.Kept{}, s.claimErr
	}
	held, ok := s.keys[claim.Key]
	if !ok {
		s.keys[claim.Key] = heldKey{claim: claim}
		return middleware.Kept{Claimed: true}, nil
	}
	return middleware.Kept{Fingerprint: held.claim.Fingerprint, Result: held.result}, nil
}

func (s *keyStore) Complete(ctx context.Context, claim middleware.Claim, result []byte) error {
	return s.settle(ctx, claim, s.completeErr, func() { s.keys[claim.Key] = heldKey{claim: claim, result: bytes.Clone(result)} })
}

func (s *keyStore) Release(ctx context.Context, claim middleware.Claim) error {
	return s.settle(ctx, claim, s.releaseErr, func() { delete(s.keys, claim.Key) })
}

func (s *keyStore) settle(ctx context.Context, claim middleware.Claim, fails error, do func()) error {
	if s.settled != nil {
		s.settled(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fails != nil {
		return fails
	}
	if s.keys[claim.Key].claim.Holder != claim.Holder {
		return errors.New("the key is somebody else's")
	}
	do()
	return ctx.Err()
}

func (s *keyStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// keyed is the rule with a backend behind it.
type keyed struct {
	store     *keyStore
	responder *respond.Responder
	log       bytes.Buffer
	binding   *contract.Binding
	backend   exchange.Handler
	calls     atomic.Int64
	handler   exchange.Handler
}

// newKeyed is the rule before a backend that creates an entity, or what backend does.
func newKeyed(t *testing.T, backend exchange.Handler) *keyed {
	t.Helper()
	table, err := mapping.Builtin(mapping.Documented)
	if err != nil {
		t.Fatal(err)
	}
	k := &keyed{store: newKeyStore(), binding: methodNamed(t, "CreateEntity"), backend: backend}
	logger := slog.New(slog.NewTextHandler(&k.log, nil))
	if k.responder, err = respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com", Logger: logger}); err != nil {
		t.Fatal(err)
	}
	if k.backend == nil {
		k.backend = k.create
	}
	k.handler = middleware.Idempotency(middleware.IdempotencyParams{Store: k.store, Responder: k.responder, Logger: logger})(
		func(w http.ResponseWriter, r *http.Request) error {
			k.calls.Add(1)
			return k.backend(w, r)
		},
	)
	return k
}

// methodNamed is a copy of a method of the reference API, with its first route.
func methodNamed(t *testing.T, name string) *contract.Binding {
	t.Helper()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto, entityv1.File_entity_v1_session_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range declared.Methods {
		if string(method.Descriptor.Name()) == name {
			own, binding := *method, *method.Bindings[0]
			binding.Method = &own
			return &binding
		}
	}
	t.Fatalf("there is no method %s", name)
	return nil
}

// create answers with an entity whose id is the number of the call.
func (k *keyed) create(w http.ResponseWriter, r *http.Request) error {
	if _, err := io.ReadAll(r.Body); err != nil {
		return err
	}
	id := "e" + string(rune('0'+k.calls.Load()))
	return k.responder.Reply(w, r, respond.Reply{Message: &entityv1.Entity{Id: id, Etag: "7"}})
}

const (
	creation = `{"displayName":"A pot"}`
	keyOne   = `"8e03978e"`
)

// attempt is a request with the key keyOne, but for what edit does to it.
func (k *keyed) attempt(t *testing.T, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/entities", strings.NewReader(body))
	request.Header.Set("Idempotency-Key", keyOne)
	request.Header.Set("Content-Type", "application/json")
	request, ex := exchange.Begin(request)
	ex.Binding, ex.Caller = k.binding, "user:editor"
	for _, one := range edit {
		one(request)
	}
	recorder := httptest.NewRecorder()
	if err := k.handler(recorder, request); err != nil {
		k.responder.Error(recorder, request, err)
	}
	return recorder
}

func withLine(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func asCaller(name string) func(*http.Request) {
	return func(r *http.Request) { exchange.From(r.Context()).Caller = name }
}

// answerReason is the reason that a problem gives; empty for a success.
func answerReason(t *testing.T, got *httptest.ResponseRecorder) string {
	t.Helper()
	var problem struct {
		Reason string `json:"reason"`
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	if got.Body.Len() > 0 {
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil {
			t.Fatalf("%v: %s", err, got.Body)
		}
	}
	if len(problem.Errors) > 0 {
		return problem.Errors[0].Reason
	}
	return problem.Reason
}

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
				params := middleware.IdempotencyParams{Responder: k.responder, Logger: slog.New(slog.DiscardHandler)}
				k.handler = middleware.Idempotency(params)(k.create)
			}
			k.binding.Method.IdempotencyKey = test.policy
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
		exchange.From(r.Context()).Fields.Set("X-Request-Id", "r-2")
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
	want.Set("X-Request-Id", "r-2")
	if diff := cmp.Diff(want, again.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if first.Header().Get("Location") != "/v1/entities/e1" || first.Header().Get("Etag") != `"7"` {
		t.Errorf("Location %q, ETag %q", first.Header().Get("Location"), first.Header().Get("Etag"))
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
		"the gateway's own":     {respond.Fail(codes.NotFound, mapping.ReasonRouteNotFound, "x"), 404, true},
		"with a header":         {respond.Fail(codes.Unimplemented, mapping.ReasonMethodNotAllowed, "x").WithHeader("Allow", "GET"), 405, true},
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
		handler := middleware.Accept()(func(http.ResponseWriter, *http.Request) error { return nil })
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

// checklist: IDE-04
func TestIdempotencyWhileRunning(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	var k *keyed
	k = newKeyed(t, func(w http.ResponseWriter, r *http.Request) error {
		close(started)
		<-finish
		return k.create(w, r)
	})
	var first *httptest.ResponseRecorder
	var group sync.WaitGroup
	group.Go(func() { first = k.attempt(t, creation) })
	<-started
	for range 3 {
		got := k.attempt(t, creation)
		if got.Code != http.StatusConflict || answerReason(t, got) != "IDEMPOTENCY_KEY_IN_USE" || got.Header().Get("Retry-After") != "1" {
			t.Errorf("while running: %d %s, Retry-After %q", got.Code, got.Body, got.Header().Get("Retry-After"))
		}
	}
	// Another payload will not fit later either.
	if got := k.attempt(t, "{}"); answerReason(t, got) != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("another payload while running: %s", got.Body)
	}
	close(finish)
	group.Wait()
	again := k.attempt(t, creation)
	if again.Code != http.StatusCreated || again.Body.String() != first.Body.String() || k.calls.Load() != 1 {
		t.Errorf("afterwards %d %s, and first %d %s", again.Code, again.Body, first.Code, first.Body)
	}
}

// checklist: IDE-04, IDE-05
func TestIdempotencyRace(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	const crowd = 50
	answers := make([]*httptest.ResponseRecorder, crowd)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = k.attempt(t, creation) })
	}
	group.Wait()
	first := 0
	for _, got := range answers {
		switch {
		case got.Code == http.StatusCreated:
			if got.Header().Get("Idempotency-Replayed") == "" {
				first++
			}
			if got.Header().Get("Location") != "/v1/entities/e1" {
				t.Errorf("created %s", got.Header().Get("Location"))
			}
		case got.Code != http.StatusConflict || answerReason(t, got) != "IDEMPOTENCY_KEY_IN_USE":
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if first != 1 || k.calls.Load() != 1 {
		t.Errorf("%d were first, and %d were served", first, k.calls.Load())
	}
}

func TestIdempotencyFreesTheKeyOfAPanic(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { panic("boom") })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		k.attempt(t, creation)
	}()
	if k.store.len() != 0 {
		t.Error("the key is still held")
	}
}

// The result is stored before it is sent, and also for a client that has gone.
func TestIdempotencyKeepsBeforeItSends(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	var recorder *httptest.ResponseRecorder
	k.store.settled = func(ctx context.Context) {
		if len(recorder.Header()) > 0 || recorder.Body.Len() > 0 {
			t.Error("it is kept after it was sent")
		}
		if deadline, ok := ctx.Deadline(); ctx.Err() != nil || !ok || time.Until(deadline) > middleware.KeyLease {
			t.Errorf("it is kept within %v: %v", deadline, ctx.Err())
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	k.backend = func(w http.ResponseWriter, r *http.Request) error {
		recorder, _ = w.(*httptest.ResponseRecorder)
		leave()
		return k.create(w, r)
	}
	k.attempt(t, creation, func(r *http.Request) { *r = *r.WithContext(exchange.With(ctx, exchange.From(r.Context()))) })
	k.store.settled = nil
	if got := k.attempt(t, creation); got.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("what the client missed is not there: %d %s", got.Code, got.Body)
	}
}

// Whoever has the key must be through before somebody else may take it.
func TestIdempotencyBoundsTheWork(t *testing.T) {
	t.Parallel()
	var left time.Duration
	k := newKeyed(t, func(_ http.ResponseWriter, r *http.Request) error {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		return status.Error(codes.NotFound, "x")
	})
	k.attempt(t, creation)
	if left <= 0 || left >= middleware.KeyLease {
		t.Errorf("the work may take %s of a lease of %s", left, middleware.KeyLease)
	}
	claim := k.store.claims[0]
	if claim.Lease != middleware.KeyLease || claim.Lifetime != 24*time.Hour || claim.Holder == "" {
		t.Errorf("claim %+v", claim)
	}
	k.attempt(t, creation)
	if k.store.claims[1].Holder == claim.Holder {
		t.Error("two claims have one holder")
	}
}

func TestIdempotencyStoreFails(t *testing.T) {
	t.Parallel()
	fails := errors.New("the disk is full")
	t.Run("claim", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, nil)
		k.store.claimErr = status.Error(codes.Unavailable, "busy")
		if got := k.attempt(t, creation); got.Code != http.StatusServiceUnavailable || k.calls.Load() != 0 {
			t.Errorf("%d after %d calls", got.Code, k.calls.Load())
		}
	})
	t.Run("complete", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, nil)
		k.store.completeErr = fails
		if got := k.attempt(t, creation); got.Code != http.StatusCreated {
			t.Errorf("%d: the entity was created", got.Code)
		}
		// Not given back: the work is done, and must not be done again at once.
		if got := k.attempt(t, creation); got.Code != http.StatusConflict || k.calls.Load() != 1 {
			t.Errorf("again %d", got.Code)
		}
		if !strings.Contains(k.log.String(), "step=complete") || !strings.Contains(k.log.String(), "the disk is full") {
			t.Errorf("log: %s", &k.log)
		}
	})
	t.Run("release", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { return status.Error(codes.Unavailable, "x") })
		k.store.releaseErr = fails
		if got := k.attempt(t, creation); got.Code != http.StatusServiceUnavailable {
			t.Errorf("%d", got.Code)
		}
		if !strings.Contains(k.log.String(), "step=release") {
			t.Errorf("log: %s", &k.log)
		}
	})
	for name, result := range map[string]string{
		"not JSON": "?", "empty object": "{}", "null": "null", "no status": `{"failure":"////"}`,
	} {
		t.Run("result is "+name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, nil)
			k.attempt(t, creation)
			for key, held := range k.store.keys {
				held.result = []byte(result)
				k.store.keys[key] = held
			}
			if got := k.attempt(t, creation); got.Code != http.StatusInternalServerError || k.calls.Load() != 1 {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
}

// A body that cannot be read is for the backend to tell of, and takes no key.
func TestIdempotencyOfABrokenBody(t *testing.T) {
	t.Parallel()
	cut := errors.New("cut")
	var got []byte
	var err error
	k := newKeyed(t, func(_ http.ResponseWriter, r *http.Request) error {
		got, err = io.ReadAll(r.Body)
		return respond.Fail(codes.InvalidArgument, mapping.ReasonInvalidArgument, "it is cut")
	})
	for range 2 {
		k.attempt(t, "", func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"disp`), endingReader{cut}))
		})
	}
	if string(got) != `{"disp` || !errors.Is(err, cut) || k.calls.Load() != 2 || len(k.store.claims) != 0 {
		t.Errorf("%q, %v, %d calls, %d claims", got, err, k.calls.Load(), len(k.store.claims))
	}
}

type endingReader struct{ err error }

func (f endingReader) Read([]byte) (int, error) { return 0, f.err }

// Where a route has no body, no limit holds for what is sent as one, and it changes
// nothing (RFC 9110 §9.3.1).
func TestIdempotencyReadsNoBodyWithoutARoute(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(w http.ResponseWriter, r *http.Request) error {
		return respond.Fail(codes.NotFound, mapping.ReasonRouteNotFound, "x")
	})
	k.binding.Body = ""
	body := strings.NewReader(creation)
	k.attempt(t, "", func(r *http.Request) { r.Body = io.NopCloser(body) })
	if body.Len() != len(creation) {
		t.Error("the body was read")
	}
	if got := k.attempt(t, "another"); got.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
