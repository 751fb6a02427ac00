package interceptor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// secret is what no caller may read.
const secret = "disk /dev/sda1: password hunter2"

// statusOf makes the status that a test wants.
func statusOf(t *testing.T, code codes.Code, message string, details ...protoadapt.MessageV1) *status.Status {
	t.Helper()
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStatusOfKinds(t *testing.T) {
	t.Parallel()
	kinds := map[entity.Kind]codes.Code{
		entity.KindInternal:           codes.Internal,
		entity.KindInvalid:            codes.InvalidArgument,
		entity.KindNotFound:           codes.NotFound,
		entity.KindAlreadyExists:      codes.AlreadyExists,
		entity.KindConflict:           codes.Aborted,
		entity.KindPreconditionFailed: codes.Aborted,
		entity.KindPermissionDenied:   codes.PermissionDenied,
		entity.KindUnauthenticated:    codes.Unauthenticated,
		entity.KindUnavailable:        codes.Unavailable,
	}
	// One before the first and one after the last, which nobody has named.
	for kind := entity.KindInternal - 1; kind <= entity.KindUnavailable+1; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			want, known := kinds[kind]
			if strings.HasPrefix(kind.String(), "KIND_") == known {
				t.Fatalf("the table has %v: %t", kind, known)
			}
			if !known {
				want = codes.Internal
			}
			info := &errdetails.ErrorInfo{Domain: "entity.v1", Reason: "A_REASON", Metadata: map[string]string{"id": "teapot"}}
			if kind == entity.KindPreconditionFailed {
				info.Domain, info.Reason = "statusway.v1", "PRECONDITION_FAILED"
			}
			err := &entity.Error{
				Kind: kind, Reason: "A_REASON", Message: "A sentence.", Metadata: map[string]string{"id": "teapot"}, Cause: errors.New(secret),
			}
			compare(t, interceptor.Status(err), statusOf(t, want, "A sentence.", info))
			compare(t, interceptor.Status(fmt.Errorf("%s: %w", secret, err)), statusOf(t, want, "A sentence.", info))
		})
	}
}

func compare(t *testing.T, got, want *status.Status) {
	t.Helper()
	if diff := cmp.Diff(want.Proto(), got.Proto(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if strings.Contains(got.String(), "hunter2") {
		t.Errorf("the caller is told: %v", got)
	}
	// What the deterministic text form hides, the bytes may still hold.
	raw, err := proto.Marshal(got.Proto())
	if err != nil || bytes.Contains(raw, []byte("hunter2")) {
		t.Errorf("the caller is sent %q, %v", raw, err)
	}
}

func TestStatusOfDomainErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want *status.Status
	}{
		{
			name: "violations",
			err: &entity.Error{
				Kind: entity.KindInvalid, Reason: entity.ReasonEntityInvalid, Message: "Not valid.",
				Violations: []entity.Violation{{Field: "id", Reason: "MALFORMED", Description: "Bad."}, {Field: "group", Reason: "REQUIRED", Description: "Needed."}},
			},
			want: statusOf(t, codes.InvalidArgument, "Not valid.",
				&errdetails.ErrorInfo{Domain: "entity.v1", Reason: "ENTITY_INVALID"},
				&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "id", Reason: "MALFORMED", Description: "Bad."}, {Field: "group", Reason: "REQUIRED", Description: "Needed."},
				}}),
		},
		{
			name: "when to come back",
			err:  entity.StoreBusy(errors.New(secret)),
			want: statusOf(t, codes.Unavailable, "The store is busy.",
				&errdetails.ErrorInfo{Domain: "entity.v1", Reason: "STORE_BUSY"},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}),
		},
		{
			name: "storage that takes no writes",
			err:  entity.StoreNotWritable(errors.New(secret)),
			want: statusOf(t, codes.Unavailable, "The storage takes no writes at the moment.",
				&errdetails.ErrorInfo{Domain: "statusway.v1", Reason: "SERVICE_READ_ONLY"},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(30 * time.Second)}),
		},
		{
			name: "a driver's error",
			err:  entity.StoreFailed(errors.New(secret)),
			want: statusOf(t, codes.Internal, "The store failed.", &errdetails.ErrorInfo{Domain: "entity.v1", Reason: "STORE_FAILED"}),
		},
		{
			name: "maintenance",
			err:  entity.Maintenance{Enabled: true, RetryAfter: time.Hour}.Err(),
			want: statusOf(t, codes.Unavailable, "The service is closed for maintenance.",
				&errdetails.ErrorInfo{Domain: "statusway.v1", Reason: "SERVICE_IN_MAINTENANCE"},
				&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)}),
		},
		{
			name: "a stale etag",
			err:  entity.StaleETag("teapot", "old", "new"),
			want: statusOf(t, codes.Aborted, `The etag "old" is not that of the current version of the entity "teapot".`,
				&errdetails.ErrorInfo{Domain: "entity.v1", Reason: "STALE_ETAG", Metadata: map[string]string{"id": "teapot", "etag": "old", "currentEtag": "new"}}),
		},
		{
			name: "one of several",
			err:  errors.Join(errors.New(secret), entity.TokenExpired()),
			want: statusOf(t, codes.Unauthenticated, "The access token has expired.", &errdetails.ErrorInfo{Domain: "entity.v1", Reason: "TOKEN_EXPIRED"}),
		},
		{
			name: "details that cannot be encoded",
			err:  &entity.Error{Kind: entity.KindNotFound, Reason: "NOT_THERE", Message: "No.", Metadata: map[string]string{"id": "\xff"}},
			want: status.New(codes.NotFound, "No."),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			compare(t, interceptor.Status(test.err), test.want)
		})
	}
}

// fine is an error that claims to be none.
type fine struct{}

func (fine) Error() string              { return secret }
func (fine) GRPCStatus() *status.Status { return status.New(codes.OK, secret) }

// vague is an error whose status is missing.
type vague struct{ fine }

func (vague) GRPCStatus() *status.Status { return nil }

func TestStatusOfOtherErrors(t *testing.T) {
	t.Parallel()
	given := statusOf(t, codes.DataLoss, "Lost.", &errdetails.ErrorInfo{Domain: "other.v1", Reason: "LOST"})
	internal := status.New(codes.Internal, "internal error")
	cancelled := status.New(codes.Canceled, "the call was cancelled")
	late := status.New(codes.DeadlineExceeded, "the deadline has passed")
	for _, test := range []struct {
		name string
		err  error
		want *status.Status
	}{
		{"any", errors.New(secret), internal},
		{"a status", given.Err(), given},
		{"a wrapped status", fmt.Errorf("%s: %w", secret, given.Err()), given},
		{"a status beside another error", errors.Join(errors.New(secret), given.Err()), given},
		{"a status of code OK", fine{}, internal},
		{"a status that is missing", vague{}, internal},
		{"a code that has no name", status.Error(99, "Beyond."), status.New(99, "Beyond.")},
		{"cancelled", context.Canceled, cancelled},
		{"cancelled, wrapped", fmt.Errorf("%s: %w", secret, context.Canceled), cancelled},
		{"late", context.DeadlineExceeded, late},
		{"late, wrapped", fmt.Errorf("%s: %w", secret, context.DeadlineExceeded), late},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			compare(t, interceptor.Status(test.err), test.want)
		})
	}
}

// Every error is reported as it is, so that what a caller is not told can be logged.
func TestErrorsAreReported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want codes.Code
	}{
		{"none", nil, codes.OK},
		{"an unknown one", errors.New(secret), codes.Internal},
		{"the store's", entity.StoreFailed(errors.New(secret)), codes.Internal},
		{"a status of UNKNOWN", status.Error(codes.Unknown, secret), codes.Unknown},
		{"the caller's", entity.EntityNotFound("teapot"), codes.NotFound},
		{"one that passes", entity.StoreBusy(errors.New(secret)), codes.Unavailable},
		{"cancelled", context.Canceled, codes.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var causes []error
			report := func(_ context.Context, cause error) { causes = append(causes, cause) }
			handler := func(_ context.Context, request any) (any, error) { return request, test.err }
			response, unary := interceptor.ErrorsUnary(report)(t.Context(), "request", &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, handler)
			if test.err == nil && response != "request" {
				t.Errorf("the response became %v", response)
			}
			streamer := func(any, grpc.ServerStream) error { return test.err }
			stream := interceptor.ErrorsStream(report)(nil, streamOf(t.Context()), &grpc.StreamServerInfo{FullMethod: "/a.B/D"}, streamer)
			if status.Code(unary) != test.want || status.Code(stream) != test.want {
				t.Errorf("unary %v, stream %v, want %v", unary, stream, test.want)
			}
			var want []error
			if test.err != nil {
				want = []error{test.err, test.err}
			}
			if !slices.Equal(causes, want) {
				t.Errorf("reported %v, want %v", causes, want)
			}
		})
	}
}
