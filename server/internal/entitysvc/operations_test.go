package entitysvc_test

import (
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/entitysvc"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

func packed(t *testing.T, message proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(message)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// taken is the error of an id that is taken, and what a caller is told of it.
func taken(t *testing.T) (*entity.Error, *spb.Status) {
	t.Helper()
	failure := &entity.Error{Kind: entity.KindAlreadyExists, Reason: entity.ReasonEntityExists, Message: "Taken.", Metadata: map[string]string{"id": "b"}}
	return failure, &spb.Status{Code: int32(codes.AlreadyExists), Message: "Taken.", Details: []*anypb.Any{
		packed(t, &errdetails.ErrorInfo{Domain: "entity.v1", Reason: "ENTITY_EXISTS", Metadata: map[string]string{"id": "b"}}),
	}}
}

func TestOperationToProto(t *testing.T) {
	t.Parallel()
	created := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	failure, told := taken(t)
	one := []entity.ImportFailure{{Index: 1, ID: "b", Err: failure}}
	failed := entity.ImportFailed()
	for _, test := range []struct {
		name      string
		operation entity.Operation
		done      bool
		progress  *entityv1.ImportEntitiesMetadata
		response  proto.Message
		err       *spb.Status
	}{
		{
			name:      "running",
			operation: entity.Operation{State: entity.StateRunning, Total: 3, Done: 1, Created: 1},
			progress:  &entityv1.ImportEntitiesMetadata{Total: 3, Done: 1},
		},
		{
			// It runs until its worker sees the wish.
			name:      "running, and asked to end",
			operation: entity.Operation{State: entity.StateRunning, Total: 3, CancelRequested: true},
			progress:  &entityv1.ImportEntitiesMetadata{Total: 3},
		},
		{
			name:      "running, with failures so far",
			operation: entity.Operation{State: entity.StateRunning, Total: 3, Done: 2, Created: 1, Failures: one},
			progress:  &entityv1.ImportEntitiesMetadata{Total: 3, Done: 2},
		},
		{
			name:      "succeeded",
			operation: entity.Operation{State: entity.StateSucceeded, Total: 2, Done: 2, Created: 2},
			done:      true,
			progress:  &entityv1.ImportEntitiesMetadata{Total: 2, Done: 2},
			response:  &entityv1.ImportEntitiesResponse{Created: 2},
		},
		{
			name:      "succeeded in part",
			operation: entity.Operation{State: entity.StateSucceeded, Total: 2, Done: 2, Created: 1, Failures: one},
			done:      true,
			progress:  &entityv1.ImportEntitiesMetadata{Total: 2, Done: 2},
			response:  &entityv1.ImportEntitiesResponse{Created: 1, Failures: []*entityv1.ImportFailure{{Index: 1, Id: "b", Error: told}}},
		},
		{
			name:      "failed",
			operation: entity.Operation{State: entity.StateFailed, Total: 1, Done: 1, Err: failure},
			done:      true,
			progress:  &entityv1.ImportEntitiesMetadata{Total: 1, Done: 1},
			err:       told,
		},
		{
			name:      "given up",
			operation: entity.Operation{State: entity.StateFailed, Total: 9, Done: 4, Created: 4, Err: failed},
			done:      true,
			progress:  &entityv1.ImportEntitiesMetadata{Total: 9, Done: 4},
			err:       interceptor.Status(failed).Proto(),
		},
		{
			name:      "cancelled",
			operation: entity.Operation{State: entity.StateCancelled, Total: 9, Done: 4, Created: 4, CancelRequested: true},
			done:      true,
			progress:  &entityv1.ImportEntitiesMetadata{Total: 9, Done: 4},
			err:       &spb.Status{Code: int32(codes.Canceled), Message: "The operation was cancelled."},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.operation.ID, test.operation.Owner, test.operation.CreateTime = "abc", "erin", created
			got, err := entitysvc.OperationToProto(test.operation)
			if err != nil {
				t.Fatal(err)
			}
			test.progress.CreateTime = timestamppb.New(created)
			want := &longrunningpb.Operation{Name: "operations/abc", Done: test.done, Metadata: packed(t, test.progress)}
			if test.err != nil {
				want.Result = &longrunningpb.Operation_Error{Error: test.err}
			}
			if test.response != nil {
				want.Result = &longrunningpb.Operation_Response{Response: packed(t, test.response)}
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An operation is seen by whoever started it and by an admin. To all others it is as
// one that never was, also when they would end it.
func TestOperationsOfOthers(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Params{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	spec := entity.Import{Owner: "erin", Scope: entity.Within("g"), Entities: []entity.Entity{{DisplayName: "x", Group: "g"}}}
	started, err := store.StartImport(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	service := entitysvc.NewOperations(store)
	neighbour := entity.Principal{Username: "otto", Role: entity.RoleEditor, Groups: []string{"g"}}
	for _, test := range []struct {
		name   string
		caller entity.Principal
		asked  string
		reason string
	}{
		{"the owner", entity.Principal{Username: "erin", Role: entity.RoleEditor}, started.Name(), ""},
		{"an admin", entity.Principal{Username: "ada", Role: entity.RoleAdmin}, started.Name(), ""},
		{"another editor of the group", neighbour, started.Name(), entity.ReasonOperationNotFound},
		{"nobody", entity.Principal{}, started.Name(), entity.ReasonOperationNotFound},
		{"the owner, of another", entity.Principal{Username: "erin", Role: entity.RoleEditor}, started.Name() + "x", entity.ReasonOperationNotFound},
		{"the owner, by the id alone", entity.Principal{Username: "erin", Role: entity.RoleEditor}, started.ID, entity.ReasonOperationNotFound},
		{"the owner, of none", entity.Principal{Username: "erin", Role: entity.RoleEditor}, "operations/", entity.ReasonOperationNotFound},
	} {
		ctx := interceptor.WithPrincipal(t.Context(), test.caller)
		got, err := service.GetOperation(ctx, &entityv1.GetOperationRequest{Name: test.asked})
		if reasonOf(err) != test.reason || (err != nil) != (test.reason != "") || (err == nil && got.GetName() != started.Name()) {
			t.Errorf("%s: get: %v, %v", test.name, got, err)
		}
		if test.reason == "" {
			continue
		}
		if _, err := service.CancelOperation(ctx, &entityv1.CancelOperationRequest{Name: test.asked}); reasonOf(err) != test.reason {
			t.Errorf("%s: cancel: %v", test.name, err)
		}
		if now, err := store.GetOperation(t.Context(), started.ID); err != nil || now.CancelRequested {
			t.Errorf("%s: it was cancelled: %+v, %v", test.name, now, err)
		}
	}
	owner := interceptor.WithPrincipal(t.Context(), entity.Principal{Username: "erin"})
	if _, err := service.CancelOperation(owner, &entityv1.CancelOperationRequest{Name: started.Name()}); err != nil {
		t.Error(err)
	}
	if now, err := store.GetOperation(t.Context(), started.ID); err != nil || !now.CancelRequested {
		t.Errorf("the owner did not end it: %+v, %v", now, err)
	}
}
