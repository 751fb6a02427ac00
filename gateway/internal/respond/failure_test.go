package respond_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// odd is an error with any status.
type odd struct{ status *status.Status }

func (odd) Error() string                { return "odd" }
func (o odd) GRPCStatus() *status.Status { return o.status }

func TestAsFailure(t *testing.T) {
	t.Parallel()
	plain := errors.New("secret")
	failure := respond.FailAs(codes.NotFound, "GONE_FISHING", "no")
	for name, test := range map[string]struct {
		err     error
		code    codes.Code
		message string
	}{
		"failure":             {failure, codes.NotFound, "no"},
		"wrapped failure":     {fmt.Errorf("outer: %w", failure), codes.NotFound, "no"},
		"status":              {status.Error(codes.Aborted, "raced"), codes.Aborted, "raced"},
		"wrapped status":      {fmt.Errorf("outer secret: %w", status.Error(codes.Aborted, "raced")), codes.Aborted, "raced"},
		"deep status":         {fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.Join(plain, status.Error(codes.Aborted, "raced")))), codes.Aborted, "raced"},
		"any code":            {status.Error(4711, "odd"), 4711, "odd"},
		"status OK":           {odd{status.New(codes.OK, "fine")}, codes.Internal, "internal error"},
		"status nil":          {odd{}, codes.Internal, "internal error"},
		"plain":               {plain, codes.Internal, "internal error"},
		"nil":                 {nil, codes.Internal, "internal error"},
		"deadline":            {fmt.Errorf("x: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "the deadline has passed"},
		"cancelled":           {context.Canceled, codes.Canceled, "the call was cancelled"},
		"a status goes first": {errors.Join(context.Canceled, status.Error(codes.NotFound, "no")), codes.NotFound, "no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := respond.AsFailure(test.err)
			if got == nil || codes.Code(got.Status.GetCode()) != test.code || got.Status.GetMessage() != test.message {
				t.Fatalf("AsFailure() = %v, want %v: %s", got, test.code, test.message)
			}
			if test.err != nil && !errors.Is(got, test.err) && !errors.Is(test.err, got) {
				t.Errorf("the cause %v is lost in %v", test.err, got)
			}
		})
	}
}

func TestFailureText(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	failure := respond.FailAs(codes.Internal, "INTERNAL", "internal error").Because(cause)
	if got, want := failure.Error(), "INTERNAL: internal error: disk full"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !errors.Is(failure, cause) {
		t.Error("the cause is not found")
	}
}

// TestWithKeepsTheFailure: a detail that cannot be packed costs only itself.
func TestWithKeepsTheFailure(t *testing.T) {
	t.Parallel()
	failure := respond.FailAs(codes.NotFound, "R", "no").With(&errdetails.ErrorInfo{Reason: "\xff"})
	if len(failure.Status.GetDetails()) != 1 || failure.Cause == nil {
		t.Errorf("details = %v, cause = %v", failure.Status.GetDetails(), failure.Cause)
	}
}

// checklist: ERR-06
func TestAbout(t *testing.T) {
	t.Parallel()
	failure := respond.FailAs(codes.ResourceExhausted, "R", "more than 7 of 8").About("limit", "7").About("all", "8")
	body := object(t, documented(t).Render(failure, respond.Request{}).Body)
	if got := fmt.Sprint(body["metadata"], body["reason"]); got != "map[all:8 limit:7]R" {
		t.Errorf("metadata and reason are %s", got)
	}
	plain := (&respond.Failure{Status: &spb.Status{Code: 5}}).About("limit", "7")
	if len(plain.Status.GetDetails()) != 0 {
		t.Errorf("details = %v", plain.Status.GetDetails())
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	failure := respond.Invalid("bad", &errdetails.BadRequest_FieldViolation{Field: "a.b", Reason: "R"})
	body := object(t, documented(t).Render(failure, respond.Request{}).Body)
	if body["status"] != 400.0 || body["reason"] != "INVALID_ARGUMENT" || fmt.Sprint(body["errors"]) != "[map[pointer:/a/b reason:R]]" {
		t.Errorf("body = %v", body)
	}
}

// TestRenderIsTotal: every code has a response with the right status in its body.
func TestRenderIsTotal(t *testing.T) {
	t.Parallel()
	responder := documented(t)
	for code := int32(-2); code < 20; code++ {
		answer := responder.Render(&respond.Failure{Status: &spb.Status{Code: code, Message: "x"}}, respond.Request{})
		body := object(t, answer.Body)
		if body["status"] != float64(answer.Decision.Status()) || answer.Decision.Status() < 400 || body["code"] == "OK" {
			t.Errorf("code %d: %d, %v", code, answer.Decision.Status(), body)
		}
	}
}
