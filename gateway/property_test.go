package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// single are the header fields that a response may have once; many are those that may
// come on several lines. Anything else must not be sent.
var (
	single = []string{
		"Allow", "Accept", "Accept-Encoding", "Accept-Patch", "Cache-Control", "Connection", "Content-Language", "Content-Length",
		"Content-Location", "Content-Security-Policy", "Content-Type", "Date", "Etag", "Last-Modified", "Location", "Retry-After", "Ratelimit", "Ratelimit-Policy",
		"Www-Authenticate", "X-Content-Type-Options", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "X-Request-Id",
	}
	many = []string{"Link", "Vary", "X-Info"}
)

// checkVocabulary checks that a response has only allowed fields.
func checkVocabulary(tb testing.TB, response *http.Response) {
	tb.Helper()
	for name, values := range response.Header {
		if !slices.Contains(single, name) && !slices.Contains(many, name) {
			tb.Errorf("%s: %q must not leave", name, values)
		}
		if slices.Contains(single, name) && len(values) != 1 {
			tb.Errorf("%s stands %d times: %q", name, len(values), values)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }) {
				tb.Errorf("%s: %q", name, value)
			}
		}
	}
	if len(response.Header["Date"]) != 1 {
		tb.Errorf("Date: %q", response.Header["Date"])
	}
}

// trial is one request and what the backend does with it.
type trial struct {
	code                 int32
	message              string
	detailURL            string
	detail               []byte
	key, value           string // metadata
	chosen               string // statusway-status
	verb                 uint8
	accept, language     string
	ifMatch, ifNoneMatch string
	expect               string
	messages             uint8
}

func (c trial) script() *script {
	s := simple()
	s.messages = int(c.messages % 3)
	s.status = &spb.Status{Code: c.code, Message: c.message}
	if c.detailURL != "" || len(c.detail) > 0 {
		s.status.Details = []*anypb.Any{{TypeUrl: c.detailURL, Value: c.detail}}
	}
	s.header = metadata.MD{strings.ToLower(c.key): {c.value}, "x-info": {c.value}, "statusway-status": {c.chosen}}
	s.trailer = metadata.MD{
		strings.ToLower(c.key): {c.value}, "x-info-bin": {c.value}, "grpc-status-details-bin": {c.value}, "etag": {c.value},
		"set-cookie": {"a=b"},
	}
	if c.messages%2 == 0 {
		s.header, s.trailer = s.trailer, s.header
	}
	return s
}

// request is what goes over the wire, and its method.
func (c trial) request() (string, string) {
	method := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"}[c.verb%8]
	path := []string{"/v1/entities/e1", "/v1/entities", "/v1/entities:export", "/v1/entities:import", "/v0/x", "/nothing"}[c.verb/8%6]
	var fields strings.Builder
	for _, field := range []struct{ name, value string }{
		{"Accept", c.accept}, {"Accept-Language", c.language}, {"If-Match", c.ifMatch}, {"If-None-Match", c.ifNoneMatch}, {"Expect", c.expect},
	} {
		if field.value != "" {
			// Line breaks would make other requests of one.
			fmt.Fprintf(&fields, "%s: %s\r\n", field.name, strings.NewReplacer("\r", " ", "\n", " ").Replace(field.value))
		}
	}
	body := ""
	if method == "POST" || method == "PUT" || method == "PATCH" {
		body = "{}"
		fields.WriteString("Content-Type: application/json\r\nContent-Length: 2\r\n")
	}
	return method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTE: trailers\r\n" + fields.String() + "\r\n" + body, method
}

// try checks the property: the response is always a row of the policy.
func (c trial) try(tb testing.TB, f *front) {
	tb.Helper()
	f.script.Store(c.script())
	text, method := c.request()
	w := dial(tb, f)
	defer func() { _ = w.Close() }()
	w.send(tb, text)
	got := w.receive(tb, method)
	if !w.closed(tb) {
		tb.Error("the connection was broken")
	}
	if f.table.Row(got.StatusCode) == nil {
		tb.Errorf("%d is no row of %s", got.StatusCode, f.table.Name())
	}
	checkVocabulary(tb, got.Response)
	if len(got.Trailer) > 0 {
		tb.Errorf("trailers: %v", got.Trailer)
	}
	contentLength := got.Header.Get("Content-Length")
	switch {
	case got.StatusCode == 204 || got.StatusCode == 304:
		if len(got.body) > 0 || contentLength != "" || got.Header.Get("Content-Type") != "" {
			tb.Errorf("%d has content: %v %q", got.StatusCode, got.Header, got.body)
		}
		return
	case method == http.MethodHead:
		if len(got.body) > 0 {
			tb.Errorf("HEAD has a body: %q", got.body)
		}
		return
	case contentLength != "" && contentLength != strconv.Itoa(len(got.body)):
		tb.Errorf("Content-Length %s, and %d bytes", contentLength, len(got.body))
	}
	checkBody(tb, got)
}

// eventPattern matches the text before the data of an event. The last event of a failed
// stream may say when to connect again.
var eventPattern = regexp.MustCompile(`^(event: error\n(retry: [1-9][0-9]{0,12}\n)?)?data: `)

// checkBody reads a body by what its Content-Type says.
func checkBody(tb testing.TB, got received) {
	tb.Helper()
	switch contentType := got.Header.Get("Content-Type"); contentType {
	case respond.ProblemType:
		if members := problemOf(tb, got); members["type"] == "" || members["title"] == "" || members["code"] == "OK" {
			tb.Errorf("problem: %v", members)
		}
	case respond.HTMLType:
		if text := string(got.body); got.StatusCode < 400 || !strings.HasPrefix(text, "<!DOCTYPE html>") || strings.Contains(text, "<script") {
			tb.Errorf("%d as a page: %s", got.StatusCode, text)
		}
	case respond.JSONType, respond.StatusType, respond.ErrorType:
		if (contentType == respond.JSONType) != (got.StatusCode < 400) {
			tb.Errorf("%d as %s", got.StatusCode, contentType)
		}
		if bytes.HasPrefix(got.body, []byte("[")) {
			var elements []json.RawMessage
			if err := json.Unmarshal(got.body, &elements); err != nil {
				tb.Errorf("array: %v: %s", err, got.body)
			}
			for _, element := range elements {
				checkFrame(tb, element)
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(got.body, &members); err != nil {
			tb.Errorf("%s: %v: %s", contentType, err, got.body)
		}
	case respond.NDJSONType:
		for line := range bytes.Lines(got.body) {
			checkFrame(tb, line)
		}
	case respond.EventType:
		for event := range strings.SplitSeq(strings.TrimSuffix(string(got.body), "\n\n"), "\n\n") {
			begin := eventPattern.FindString(event)
			if event != "" && (begin == "" || !json.Valid([]byte(event[len(begin):]))) {
				tb.Errorf("event: %q", event)
			}
		}
	default:
		tb.Errorf("Content-Type: %q", contentType)
	}
}

// checkFrame reads a line of a stream, or an element of its array.
func checkFrame(tb testing.TB, text []byte) {
	tb.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || len(members) != 1 || members["result"] == nil && members["error"] == nil {
		tb.Errorf("frame: %v: %s", err, text)
	}
}

// random returns a trial in which each part is likely to matter.
func random(r *rand.Rand) trial {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	url, detail := randomDetail(r)
	c := trial{
		code: r.Int32N(20) - 1, message: pick("", "text", "a\r\nX-Evil: 1", "\xff\x00", strings.Repeat("x", 10000)),
		detailURL: url, detail: detail,
		key:   pick("x-info", "x-evil", "location", "content-length", "transfer-encoding", "grpc-metadata-x", "x-info-bin", "connection", "date", "statusway-status"),
		value: pick("1", "", "a\r\nX-Evil: 1", "\x00", "\x01\x02", "ü", "\xff\xfe", "a, b", strings.Repeat("y", 500)), chosen: pick("", "201", "202", "204", "304",
			"404", "999", "1000", "-1", "x", "200 "),
		verb: uint8(r.Uint32()),
		accept: pick("", "*/*", "application/json", "text/html", respond.ProblemType, respond.StatusType, respond.ErrorType, "text/event-stream",
			"application/json, text/plain, */*", "application/json;q=0", "garbage", ";", "\x80"),
		language: pick("", "de", "en;q=0.1, *", "\xff"), ifMatch: pick("", "", `"7"`, `"8"`, "*", "x", `W/"7"`),
		ifNoneMatch: pick("", "", `"7"`, `W/"7", "x"`, "*", "x"), expect: pick("", "", "", "100-continue", "teapot", "100-continue, x"),
		messages: uint8(r.Uint32()),
	}
	if r.IntN(4) == 0 {
		c.code = int32(r.Uint32())
	}
	return c
}

func randomDetail(r *rand.Rand) (string, []byte) {
	messages := []proto.Message{
		&errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonPreconditionFailed},
		&errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonRequestTooLarge, Metadata: map[string]string{"a": "b"}},
		&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: int64(r.Uint64()), Nanos: int32(r.Uint32())}},
		&errdetails.DebugInfo{Detail: "secret"},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "daily"}}},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://x/\r\nX-Evil: 1"}, {Url: "https://ü/%zz"}, {Url: "http://h/a?b#c"}}},
		&errdetails.LocalizedMessage{Locale: "de", Message: "nein"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "a[~.\"/"}}},
		&statuswayv1.Problem{Type: "\n", Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{
			"status": structpb.NewNumberValue(1),
			"abc":    structpb.NewNumberValue(-1),
		}}},
	}
	packed, err := anypb.New(messages[r.IntN(len(messages))])
	if err != nil {
		return "", nil
	}
	switch r.IntN(5) {
	case 0:
		return "", nil
	case 1:
		return "type.example.com/unknown.v1.Thing", []byte{byte(r.Uint32())}
	case 2:
		return packed.GetTypeUrl(), append([]byte{0xff}, packed.GetValue()...)
	default:
		return packed.GetTypeUrl(), packed.GetValue()
	}
}

// TestAnyAnswerIsOneOfThePolicys is the promise of this project.
func TestAnyAnswerIsOneOfThePolicys(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{policy.Documented, policy.Canonical} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			f := start(t, policy)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			for range 500 {
				c := random(r)
				c.try(t, f)
				if t.Failed() {
					t.Fatalf("seed %d: %+v", seed, c)
				}
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	documented, canonical := start(f, policy.Documented), start(f, policy.Canonical)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		c := random(r)
		f.Add(c.code, c.message, c.detailURL, c.detail, c.key, c.value, c.chosen, c.verb, c.accept, c.language, c.ifMatch, c.ifNoneMatch, c.expect, c.messages)
	}
	f.Fuzz(func(t *testing.T, code int32, message, detailURL string, detail []byte, key, value, chosen string, verb uint8, accept, language, ifMatch,
		ifNoneMatch, expect string, messages uint8,
	) {
		c := trial{code, message, detailURL, detail, key, value, chosen, verb, accept, language, ifMatch, ifNoneMatch, expect, messages}
		c.try(t, documented)
		c.try(t, canonical)
	})
}
