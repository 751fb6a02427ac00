package rules_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// declared are the routes of the reference API, and of a few shapes it does not have.
func declared(tb testing.TB) *contract.Contract {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(`name: "t.proto" package: "t" syntax: "proto3"
		dependency: "google/api/annotations.proto" dependency: "google/api/httpbody.proto" dependency: "statusway/v1/annotations.proto"
		message_type { name: "M" field { name: "file" number: 1 type: TYPE_MESSAGE type_name: ".google.api.HttpBody" label: LABEL_OPTIONAL } }
		service { name: "S"
			method { name: "Upload" input_type: ".google.api.HttpBody" output_type: ".t.M" options { [google.api.http] { post: "/upload" body: "*" } } }
			method { name: "UploadField" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { post: "/field" body: "file" } } }
			method { name: "Download" input_type: ".t.M" output_type: ".google.api.HttpBody" options { [google.api.http] { get: "/download" } } }
			method { name: "Collect" client_streaming: true input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { post: "/collect" body: "*" } } }
			method { name: "Run" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { custom { kind: "*" path: "/x:run" }
				additional_bindings { custom { kind: "PURGE" path: "/x:run" } } additional_bindings { custom { kind: "QUERY" path: "/x:run" } }
			} } }
			method { name: "Picture" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/picture" response_body: "file" } } }
			method { name: "Pictures" server_streaming: true input_type: ".t.M" output_type: ".t.M" options {
				[google.api.http] { get: "/pictures" response_body: "file" }
			} }
			method { name: "Custom" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { custom { kind: "OPTIONS" path: "/own" } } } }
			method { name: "Old" input_type: ".t.M" output_type: ".t.M" options {
				[google.api.http] { get: "/old" }
				[statusway.v1.method] { lifecycle { deprecated: "2024-01-01" sunset: "2025-01-01T00:00:00Z" successor: "/new" } }
			} }
			method { name: "Deprecated" input_type: ".t.M" output_type: ".t.M" options {
				[google.api.http] { get: "/deprecated" }
				[statusway.v1.method] { lifecycle { deprecated: "2024-01-01" } }
			} }
		}`), file); err != nil {
		tb.Fatal(err)
	}
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	read, err := contract.Read(entityv1.File_entity_v1_entity_service_proto, entityv1.File_entity_v1_session_service_proto, descriptor)
	if err != nil {
		tb.Fatal(err)
	}
	return read
}

// bindingOf is the first route of a method, by its name alone.
func bindingOf(tb testing.TB, name string) *contract.Binding {
	tb.Helper()
	for _, method := range declared(tb).Methods {
		if strings.HasSuffix(method.FullName, "/"+name) {
			return method.Bindings[0]
		}
	}
	tb.Fatalf("no method %s", name)
	return nil
}

// ask makes a request with its exchange, and its fields in pairs.
func ask(tb testing.TB, method, target, body string, fields ...string) (*http.Request, *exchange.Exchange) {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	return exchange.Begin(httptest.NewRecorder(), request)
}

// onion is a rule around a handler, so that a test can see what gets past the rule.
type onion func(next exchange.Handler) exchange.Handler

// flat is the onion of a rule that only looks at the request.
func flat(rule rules.Rule) onion {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchangeOf(w, r)
			if err := rule(ex); err != nil || ex.Status != 0 {
				return err
			}
			return next(ex.Writer, ex.Request)
		}
	}
}

// around is the onion of a rule that runs around the call.
func around(rule func(next rules.Rule) rules.Rule) onion {
	return func(next exchange.Handler) exchange.Handler {
		wrapped := rule(func(ex *exchange.Exchange) error { return next(ex.Writer, ex.Request.WithContext(ex.Context)) })
		return func(w http.ResponseWriter, r *http.Request) error { return wrapped(exchangeOf(w, r)) }
	}
}

func body(limits rules.BodyLimits) onion {
	return around(func(next rules.Rule) rules.Rule { return rules.Body(limits, next) })
}

func overload(p rules.OverloadParams) onion {
	return around(func(next rules.Rule) rules.Rule { return rules.Overload(p, next) })
}

func idempotent(p rules.IdempotencyParams) onion {
	return around(func(next rules.Rule) rules.Rule { return rules.Idempotency(p, next) })
}

func concurrent(c *rules.Concurrency) onion {
	return around(func(next rules.Rule) rules.Rule {
		return func(ex *exchange.Exchange) error {
			defer c.End(ex)
			if err := c.Begin(ex); err != nil {
				return err
			}
			return next(ex)
		}
	})
}

// answering is a rule that responds with a handler.
func answering(handler exchange.Handler) rules.Rule {
	return func(ex *exchange.Exchange) error {
		err := handler(ex.Writer, ex.Request)
		ex.Status = http.StatusOK
		return err
	}
}

// exchangeOf is the exchange of a request, with the writer and the request as they are now.
func exchangeOf(w http.ResponseWriter, r *http.Request) *exchange.Exchange {
	ex := exchange.From(r.Context())
	if ex.Request == nil {
		_, ex = exchange.Begin(w, r)
		return ex
	}
	ex.Writer, ex.Request, ex.Context = w, r, r.Context()
	return ex
}

// run sends a request through one rule alone. It says whether the rule let it pass.
func run(rule onion, request *http.Request) (bool, error) {
	return runOn(rule, httptest.NewRecorder(), request)
}

// reasonOf is the reason of a failure, empty for none.
func reasonOf(tb testing.TB, err error) string {
	tb.Helper()
	if err == nil {
		return ""
	}
	for _, detail := range respond.AsFailure(err).Status.GetDetails() {
		info := &errdetails.ErrorInfo{}
		if detail.UnmarshalTo(info) == nil {
			return info.GetReason()
		}
	}
	tb.Errorf("%v has no reason", err)
	return ""
}

// statusOf returns the status of a failure under a policy.
func statusOf(tb testing.TB, policyName string, err error) int {
	tb.Helper()
	table, failed := policy.Builtin(policyName)
	if failed != nil {
		tb.Fatal(failed)
	}
	responder, failed := respond.New(respond.Params{Table: table, PublicURL: "https://x.example"})
	if failed != nil {
		tb.Fatal(failed)
	}
	return responder.Render(respond.AsFailure(err), respond.Request{}).Decision.Status()
}

// check checks the outcome of a rule: no reason means that the request passed.
func check(t *testing.T, passed bool, err error, reason string) {
	t.Helper()
	if got := reasonOf(t, err); got != reason || passed != (reason == "") {
		t.Errorf("reason %q, passed %t; want %q", got, passed, reason)
	}
}

// headerOf is the header of a failure.
func headerOf(err error) http.Header {
	if err == nil {
		return nil
	}
	return respond.AsFailure(err).Header
}
