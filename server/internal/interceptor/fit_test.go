package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/server/internal/interceptor"
)

// statusWith is an error with that many violations, each with a description so long.
func statusWith(t *testing.T, violations, length int, more ...protoadapt.MessageV1) error {
	t.Helper()
	bad := &errdetails.BadRequest{}
	for i := range violations {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: fmt.Sprintf("entities[%d].group", i), Description: strings.Repeat("x", length), Reason: "STRING_PATTERN",
		})
	}
	details := append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Domain: "d", Reason: "R", Metadata: map[string]string{"k": "v"}}, bad}, more...)
	full, err := status.New(codes.InvalidArgument, "wrong").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return full.Err()
}

func TestFit(t *testing.T) {
	t.Parallel()
	plain := errors.New("no status")
	long := &errdetails.DebugInfo{Detail: strings.Repeat("x", 10_000)}
	for name, test := range map[string]struct {
		err error
		// least and most are how many violations are left; told is what ErrorInfo says.
		least, most int
		told        string
		details     int
	}{
		"few":            {statusWith(t, 10, 20), 10, 10, "", 2},
		"many":           {statusWith(t, 1000, 20), 40, 90, "1000", 2},
		"two long ones":  {statusWith(t, 2, 3000), 1, 1, "2", 2},
		"one, too long":  {statusWith(t, 1, 9000), 0, 0, "1", 1},
		"something else": {statusWith(t, 1, 1, long), 0, 0, "1", 1},
		"no status":      {plain, 0, 0, "", 0},
		"no error":       {nil, 0, 0, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, unary := interceptor.FitUnary(t.Context(), nil, nil, func(context.Context, any) (any, error) { return nil, test.err })
			stream := interceptor.FitStream(nil, nil, nil, func(any, grpc.ServerStream) error { return test.err })
			if test.err == nil || errors.Is(test.err, plain) {
				if !errors.Is(unary, test.err) || !errors.Is(stream, test.err) {
					t.Fatalf("%v and %v", unary, stream)
				}
				return
			}
			got := status.Convert(unary)
			if diff := cmp.Diff(got.Details(), status.Convert(stream).Details(), protocmp.Transform()); diff != "" {
				t.Errorf("(-unary +stream):\n%s", diff)
			}
			if got.Code() != codes.InvalidArgument || got.Message() != "wrong" || len(got.Details()) != test.details || proto.Size(got.Proto()) > 4<<10 {
				t.Errorf("%d octets with %d details: %v", proto.Size(got.Proto()), len(got.Details()), got.Code())
			}
			left, told := 0, ""
			for _, detail := range got.Details() {
				switch detail := detail.(type) {
				case *errdetails.BadRequest:
					left = len(detail.GetFieldViolations())
				case *errdetails.ErrorInfo:
					told = detail.GetMetadata()["violations"]
					if detail.GetReason() != "R" || detail.GetMetadata()["k"] != "v" {
						t.Errorf("ErrorInfo is %v", detail)
					}
				}
			}
			if left < test.least || left > test.most || told != test.told {
				t.Errorf("%d violations are left, and ErrorInfo says %q", left, told)
			}
		})
	}
}

// Whatever an error is made of, it fits, and looking at it takes no more than its size.
func TestFitAnything(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 100_000)
	many := make([]protoadapt.MessageV1, 5000)
	for i := range many {
		many[i] = &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "f"}}}
	}
	for name, test := range map[string]struct {
		message string
		details []protoadapt.MessageV1
		reason  string
	}{
		"a long message":          {long, nil, ""},
		"a long message and more": {long, []protoadapt.MessageV1{&errdetails.ErrorInfo{Domain: "d", Reason: "R"}}, "R"},
		"long metadata":           {"wrong", []protoadapt.MessageV1{&errdetails.ErrorInfo{Domain: "d", Reason: "R", Metadata: map[string]string{"k": long}}}, "R"},
		"a long reason":           {"wrong", []protoadapt.MessageV1{&errdetails.ErrorInfo{Domain: "d", Reason: long}}, ""},
		"many bad requests":       {"wrong", slices.Concat(many, []protoadapt.MessageV1{&errdetails.ErrorInfo{Domain: "d", Reason: "R"}}), "R"},
		"no reason":               {"wrong", many, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			full, err := status.New(codes.InvalidArgument, test.message).WithDetails(test.details...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = interceptor.FitUnary(t.Context(), nil, nil, func(context.Context, any) (any, error) { return nil, full.Err() })
			got := status.Convert(err)
			if got.Code() != codes.InvalidArgument || proto.Size(got.Proto()) > 4<<10 || !strings.HasPrefix(test.message, strings.TrimSuffix(got.Message(), "…")) {
				t.Errorf("%v with %d octets: %q", got.Code(), proto.Size(got.Proto()), got.Message())
			}
			reason := ""
			for _, detail := range got.Details() {
				if info, ok := detail.(*errdetails.ErrorInfo); ok {
					reason = info.GetReason()
				}
			}
			if reason != test.reason {
				t.Errorf("the reason is %q, want %q", reason, test.reason)
			}
		})
	}
}
