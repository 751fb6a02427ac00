package respond_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

func fail(code codes.Code, message string, details ...proto.Message) *respond.Failure {
	failure := &respond.Failure{Status: &spb.Status{Code: int32(code), Message: message}}
	for _, detail := range details {
		failure = failure.With(detail)
	}
	return failure
}

// withAny adds a detail unchanged.
func withAny(failure *respond.Failure, url string, value []byte) *respond.Failure {
	failure.Status.Details = append(failure.Status.Details, &anypb.Any{TypeUrl: url, Value: value})
	return failure
}

func info(reason string) *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Reason: reason, Domain: "example.com", Metadata: map[string]string{"b": "2", "a": "1"}}
}

// everything is an error with a detail of each type of google.rpc.
func everything() *respond.Failure {
	failure := fail(codes.FailedPrecondition, "the entity is locked",
		info("LOCKED"),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.DebugInfo{StackEntries: []string{"secret.go:7"}, Detail: "secret detail"},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: "user:1", Description: "too much", QuotaId: "daily"}}},
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{{Type: "LOCK", Subject: "e1", Description: "held"}}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "entity.display_name", Description: "is <empty>", Reason: "EMPTY"},
			{Field: "entity.attributes[\"a/b\"]", Description: "is odd"},
		}},
		&errdetails.RequestInfo{RequestId: "inner-1", ServingData: "node 3"},
		&errdetails.ResourceInfo{ResourceType: "entity", ResourceName: "e1", Owner: "user:2"},
		&errdetails.Help{Links: []*errdetails.Help_Link{
			{Description: "good", Url: "https://help.example.com/a?b=c"},
			{Description: "bad", Url: "javascript:alert(1)"},
			{Description: "worse", Url: "https://x\r\nX-Evil: 1"},
			{Description: "odd", Url: "http://help.example.com/<>\"ü, x"},
		}},
		&errdetails.LocalizedMessage{Locale: "de-CH", Message: "Das Ding ist gesperrt"},
		&errdetails.LocalizedMessage{Locale: "fr", Message: "La chose est verrouillée"},
	)
	return withAny(failure, "type.example.com/unknown.v1.Thing", []byte{8, 1})
}

func TestRenderGoldens(t *testing.T) {
	t.Parallel()
	request := respond.Request{Method: "POST", Path: "/v1/entities/a%2Fb", BodyField: "entity", RequestID: "r-1", TraceID: "t-1"}
	problem := &statuswayv1.Problem{
		Type: "https://problems.example.com/locked", Title: "Locked", Detail: "Wait for it.", Instance: "/locks/7",
		Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{
			"holder": structpb.NewStringValue("</script>"), "since": structpb.NewNumberValue(7), "nothing": structpb.NewNullValue(),
			"status": structpb.NewNumberValue(200), "retryAfter": structpb.NewNumberValue(1), "detail": structpb.NewStringValue("x"),
			"type": structpb.NewStringValue("x"), "title": structpb.NewStringValue("x"), "errors": structpb.NewStringValue("x"),
			"not a name": structpb.NewStringValue("x"), `q":1,"x`: structpb.NewStringValue("x"), "ab": structpb.NewStringValue("x"),
			"1st": structpb.NewStringValue("x"), "ünï": structpb.NewStringValue("x"), "": structpb.NewStringValue("x"), "a-b": structpb.NewStringValue("x"),
		}},
	}
	for name, test := range map[string]struct {
		failure   *respond.Failure
		languages []string
		language  string
	}{
		"everything":        {failure: everything()},
		"everything-french": {failure: everything(), languages: []string{"en, fr;q=0.5"}},
		"problem":           {failure: fail(codes.Aborted, "locked", problem, info("LOCKED"))},
		"bare":              {failure: fail(codes.NotFound, "no such entity")},
		"empty":             {failure: &respond.Failure{Status: &spb.Status{}}},
		"broken": {failure: withAny(withAny(fail(codes.InvalidArgument, "broken details"),
			"type.googleapis.com/google.rpc.ErrorInfo", []byte{0xff}), "type.googleapis.com/google.rpc.BadRequest", []byte{0x0a, 0x7f})},
		"twice": {failure: fail(codes.NotFound, "which", info("FIRST"), info("SECOND"))},
		"no-types": {failure: withAny(withAny(withAny(fail(codes.NotFound, "odd types"), "", []byte("x")),
			"not a url", []byte("x")), "google.protobuf.Timestamp", []byte{0x08, 1})},
		"inner-out-of-range": {failure: fail(codes.NotFound, "a detail without a JSON form", &timestamppb.Timestamp{Seconds: math.MaxInt64})},
		"hostile-text":       {failure: fail(codes.InvalidArgument, "\xff\x00\r\n\u2028\"<script>")},
	} {
		for _, mediaType := range []string{respond.ProblemType, respond.StatusType, respond.ErrorType} {
			format := map[string]string{respond.ProblemType: "problem", respond.StatusType: "status", respond.ErrorType: "error"}[mediaType]
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				request := request
				request.Accept, request.Languages = accept(t, mediaType), test.languages
				answer := documented(t).Render(test.failure, request)
				golden(t, name+"."+format, text(t, answer))
			})
		}
	}
}

// TestExtensionWithoutJSON: one that cannot be encoded must not cost the body.
func TestExtensionWithoutJSON(t *testing.T) {
	t.Parallel()
	problem := &statuswayv1.Problem{Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{
		"nan": structpb.NewNumberValue(math.NaN()), "empty": {}, "good": structpb.NewBoolValue(true),
	}}}
	body := object(t, documented(t).Render(fail(codes.NotFound, "no", problem), respond.Request{}).Body)
	if body["good"] != true || body["status"] != 404.0 || body["nan"] != nil || body["empty"] != nil {
		t.Errorf("body = %v", body)
	}
}

// TestDebugInfoNeverLeaves: DebugInfo is not sent under any policy.
func TestDebugInfoNeverLeaves(t *testing.T) {
	t.Parallel()
	table := changed(t, policy.Documented, "keepMessage: false\n  keepDetails: false", "keepMessage: true\n  keepDetails: true")
	for _, code := range []codes.Code{codes.InvalidArgument, codes.Internal, codes.Unavailable, 42} {
		for _, url := range []string{"type.googleapis.com/google.rpc.DebugInfo", "google.rpc.DebugInfo", "https://other.example/x/google.rpc.DebugInfo"} {
			for _, mediaType := range []string{respond.ProblemType, respond.StatusType, respond.ErrorType} {
				failure := withAny(fail(code, "the message", info("KEPT")), url, []byte("\x12\x06secret"))
				answer := newResponder(t, table).Render(failure, respond.Request{Accept: accept(t, mediaType)})
				if bytes.Contains(answer.Body, []byte("secret")) || bytes.Contains(answer.Body, []byte("c2VjcmV0")) || bytes.Contains(answer.Body, []byte("DebugInfo")) {
					t.Errorf("%v, %s, %s: %s", code, url, mediaType, answer.Body)
				}
				if !bytes.Contains(answer.Body, []byte("KEPT")) {
					t.Errorf("%v: the other detail is lost: %s", code, answer.Body)
				}
			}
		}
	}
}

func TestRedaction(t *testing.T) {
	t.Parallel()
	const both = "keepMessage: false\n  keepDetails: false"
	const hidden = "secret.go:7"
	for name, test := range map[string]struct {
		code            codes.Code
		policy          string
		reason, domain  string
		message, detail bool // whether they are shown
	}{
		"internal":              {code: codes.Internal},
		"unavailable":           {code: codes.Unavailable},
		"deadline":              {code: codes.DeadlineExceeded},
		"a code without name":   {code: 17},
		"unauthenticated":       {code: codes.Unauthenticated, message: true, detail: true},
		"invalid":               {code: codes.InvalidArgument, message: true, detail: true},
		"reason with a rule":    {code: codes.Unavailable, domain: policy.Domain, reason: policy.ReasonMaintenance, message: true, detail: true},
		"reason without a rule": {code: codes.Unavailable, domain: policy.Domain, reason: policy.ReasonInternal},
		"reason of another":     {code: codes.Unavailable, domain: "example.com", reason: policy.ReasonMaintenance},
		"policy keeps both":     {code: codes.Internal, policy: "keepMessage: true\n  keepDetails: true", message: true, detail: true},
		"policy keeps message":  {code: codes.Internal, policy: "keepMessage: true\n  keepDetails: false", message: true},
		"policy keeps details":  {code: codes.Internal, policy: "keepMessage: false\n  keepDetails: true", detail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := builtin(t, policy.Documented)
			if test.policy != "" {
				table = changed(t, policy.Documented, both, test.policy)
			}
			failure := fail(test.code, hidden,
				&errdetails.ErrorInfo{Domain: test.domain, Reason: test.reason, Metadata: map[string]string{"file": "inner.go"}},
				&errdetails.ResourceInfo{ResourceName: "inner.go"},
				&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://inner.go/"}}},
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "inner.go"}}},
			)
			for _, mediaType := range []string{respond.ProblemType, respond.StatusType, respond.ErrorType} {
				answer := newResponder(t, table).Render(failure, respond.Request{Accept: accept(t, mediaType)})
				whole := text(t, answer)
				if strings.Contains(whole, hidden) != test.message {
					t.Errorf("%s: message shown: %t, want %t\n%s", mediaType, !test.message, test.message, whole)
				}
				if strings.Contains(whole, "inner.go") != test.detail {
					t.Errorf("%s: details shown: %t, want %t\n%s", mediaType, !test.detail, test.detail, whole)
				}
				if !test.message && !strings.Contains(whole, answer.Decision.Row.GetDescription()) {
					t.Errorf("%s: the row's text is missing:\n%s", mediaType, whole)
				}
			}
		})
	}
}

// TestRedactionHidesOtherTexts: a localized message and a stated problem are messages too.
func TestRedactionHidesOtherTexts(t *testing.T) {
	t.Parallel()
	failure := fail(codes.Internal, "inner",
		&errdetails.LocalizedMessage{Locale: "de", Message: "inner"},
		&statuswayv1.Problem{
			Type: "https://inner/", Title: "inner", Detail: "inner", Instance: "inner",
			Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{"inner": structpb.NewBoolValue(true)}},
		},
	)
	answer := documented(t).Render(failure, respond.Request{Languages: []string{"de"}})
	if whole := text(t, answer); strings.Contains(whole, "inner") || strings.Contains(whole, "Content-Language") {
		t.Errorf("a redacted answer says too much:\n%s", whole)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	retry := func(d time.Duration) proto.Message { return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)} }
	for name, test := range map[string]struct {
		code   codes.Code
		detail proto.Message
		want   string
	}{
		"exact":                      {codes.Unavailable, retry(2 * time.Second), "2"},
		"rounded up":                 {codes.Unavailable, retry(2*time.Second + time.Nanosecond), "3"},
		"at least one":               {codes.Unavailable, retry(time.Nanosecond), "1"},
		"zero":                       {codes.Unavailable, retry(0), "1"},
		"negative":                   {codes.Unavailable, retry(-time.Hour), "1"},
		"saturated":                  {codes.Unavailable, &errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: math.MaxInt64}}, "9223372037"},
		"no delay, so the rule's":    {codes.Unavailable, &errdetails.RetryInfo{}, "5"},
		"no detail, so the rule's":   {codes.Unavailable, info("X"), "5"},
		"quota":                      {codes.ResourceExhausted, info("X"), "30"},
		"conflict that can pass":     {codes.Aborted, retry(3 * time.Second), "3"},
		"conflict":                   {codes.Aborted, info("X"), ""},
		"deadline":                   {codes.DeadlineExceeded, info("X"), "5"},
		"cancelled":                  {codes.Canceled, info("X"), "1"},
		"repeating cannot help: 400": {codes.InvalidArgument, retry(time.Second), ""},
		"404":                        {codes.NotFound, retry(time.Second), ""},
		"401":                        {codes.Unauthenticated, retry(time.Second), ""},
		"403":                        {codes.PermissionDenied, retry(time.Second), ""},
		"500":                        {codes.Internal, retry(time.Second), ""},
		"413":                        {codes.ResourceExhausted, &errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonRequestTooLarge}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := documented(t).Render(fail(test.code, "x", test.detail), respond.Request{})
			if got := answer.Header.Get("Retry-After"); got != test.want {
				t.Errorf("Retry-After: %q, want %q", got, test.want)
			}
			if body := object(t, answer.Body); (body["retryAfter"] != nil) != (test.want != "") {
				t.Errorf("retryAfter = %v beside Retry-After %q", body["retryAfter"], test.want)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code        codes.Code
		credentials bool
		want        string
	}{
		"no credentials":  {codes.Unauthenticated, false, `Bearer realm="the \"inner\" realm"`},
		"bad credentials": {codes.Unauthenticated, true, `Bearer realm="the \"inner\" realm", error="invalid_token"`},
		"403":             {codes.PermissionDenied, true, ""},
		"500":             {codes.Internal, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := documented(t).Render(fail(test.code, `Basic realm="evil"`), respond.Request{Credentials: test.credentials})
			if got := answer.Header.Values("WWW-Authenticate"); test.want == "" && len(got) > 0 || test.want != "" && !slices.Equal(got, []string{test.want}) {
				t.Errorf("WWW-Authenticate: %q, want %q", got, test.want)
			}
		})
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	german := &errdetails.LocalizedMessage{Locale: "de-CH", Message: "Nein"}
	hostile := &errdetails.LocalizedMessage{Locale: "en\r\nX-Evil: 1", Message: "evil"}
	for name, test := range map[string]struct {
		details           []proto.Message
		languages         []string
		language, message string
		vary              bool
	}{
		"asked for":             {[]proto.Message{german}, []string{"de-CH"}, "de-CH", "Nein", true},
		"nothing asked for":     {[]proto.Message{german}, nil, "", "no", true},
		"another asked for":     {[]proto.Message{german}, []string{"fr"}, "", "no", true},
		"refused":               {[]proto.Message{german}, []string{"de-CH;q=0"}, "", "no", true},
		"nothing offered":       {nil, []string{"de"}, "", "no", false},
		"hostile locale":        {[]proto.Message{hostile}, []string{"en"}, "", "no", true},
		"before a stated text":  {[]proto.Message{german, &statuswayv1.Problem{Detail: "stated"}}, []string{"de-CH"}, "de-CH", "Nein", true},
		"behind a stated text":  {[]proto.Message{german, &statuswayv1.Problem{Detail: "stated"}}, []string{"fr"}, "", "stated", true},
		"stated without a text": {[]proto.Message{&statuswayv1.Problem{Title: "T"}}, []string{"fr"}, "", "no", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := documented(t).Render(fail(codes.NotFound, "no", test.details...), respond.Request{Languages: test.languages})
			if got := answer.Header.Get("Content-Language"); got != test.language {
				t.Errorf("Content-Language: %q, want %q", got, test.language)
			}
			if got := object(t, answer.Body)["detail"]; got != test.message {
				t.Errorf("detail = %q, want %q", got, test.message)
			}
			if got := slices.Contains(answer.Header.Values("Vary"), "Accept-Language"); got != test.vary {
				t.Errorf("Vary: Accept-Language is %t, want %t", got, test.vary)
			}
		})
	}
}

// TestFormats: the policy's own format if Accept names none.
func TestFormats(t *testing.T) {
	t.Parallel()
	const statusFormat, errorFormat = "errorFormat: status", "errorFormat: error"
	for name, test := range map[string]struct {
		policy, accept, want, member string
	}{
		"default":                      {"", "", respond.ProblemType, "type"},
		"json":                         {"", "application/json", respond.ProblemType, "type"},
		"anything":                     {"", "*/*", respond.ProblemType, "type"},
		"a range":                      {"", "application/*", respond.ProblemType, "type"},
		"something else":               {"", "text/html", respond.ProblemType, "type"},
		"status by name":               {"", respond.StatusType, respond.StatusType, "code"},
		"error by name":                {"", "text/html, " + respond.ErrorType + ";q=0.1", respond.ErrorType, "error"},
		"the better of two":            {"", respond.StatusType + ";q=0.2, " + respond.ErrorType + ";q=0.3", respond.ErrorType, "error"},
		"refused by name":              {"", respond.ProblemType + ";q=0", respond.ProblemType, "type"},
		"policy says status":           {statusFormat, "", respond.JSONType, "code"},
		"policy says error":            {errorFormat, "application/json", respond.JSONType, "error"},
		"problem though policy status": {statusFormat, respond.ProblemType, respond.ProblemType, "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := builtin(t, policy.Documented)
			if test.policy != "" {
				table = changed(t, policy.Canonical, "errorFormat: problem", test.policy)
			}
			request := respond.Request{}
			if test.accept != "" {
				request.Accept = accept(t, test.accept)
			}
			answer := newResponder(t, table).Render(fail(codes.NotFound, "no"), request)
			if got := answer.Header.Get("Content-Type"); got != test.want {
				t.Errorf("Content-Type: %s, want %s", got, test.want)
			}
			if object(t, answer.Body)[test.member] == nil {
				t.Errorf("the body has no %q: %s", test.member, answer.Body)
			}
		})
	}
}

// TestRenderLeavesTheFailureAlone: one failure may be the response to many requests.
func TestRenderLeavesTheFailureAlone(t *testing.T) {
	t.Parallel()
	failure := everything().WithHeader("Link", "<https://a/>; rel=x").WithHeader("Vary", "X")
	failure.Header["Link"] = slices.Grow(failure.Header["Link"], 4)
	before, header := proto.Clone(failure.Status), failure.Header.Clone()
	responder := documented(t)
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel() // The race detector watches.
			responder.Render(failure, respond.Request{Languages: []string{"fr"}})
			if !proto.Equal(before, failure.Status) || len(failure.Header) != len(header) {
				t.Error("Render() has changed the failure")
			}
		})
	}
}
