package entity_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestNewImport(t *testing.T) {
	t.Parallel()
	given := []entity.Entity{{ID: "a"}, {}, {DisplayName: "c"}}
	now := time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("", -3600))
	op, items := entity.NewImport(entity.Import{Owner: "u", Scope: entity.Within("g"), Entities: given}, now)
	want := entity.Operation{
		Owner: "u", Scope: entity.Within("g"), Total: 3, State: entity.StateRunning,
		CreateTime: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC), UpdateTime: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC),
	}
	diff := cmp.Diff(want, op, cmp.AllowUnexported(entity.Scope{}), cmpopts.IgnoreFields(entity.Operation{}, "ID"))
	if diff != "" || op.ID == "" {
		t.Errorf("operation %q (-want +got):\n%s", op.ID, diff)
	}
	if items[0].Entity.ID != "a" || items[1].Entity.ID == "" || items[2].Entity.ID == items[1].Entity.ID {
		t.Errorf("ids of %+v", items)
	}
	for i, item := range items {
		if item.Index != i {
			t.Errorf("item %d has index %d", i, item.Index)
		}
	}
	if given[1].ID != "" {
		t.Error("the caller's entities have changed")
	}
	other, _ := entity.NewImport(entity.Import{}, now)
	if other.ID == op.ID || other.Total != 0 {
		t.Errorf("another operation: %+v", other)
	}
}

func TestOperationName(t *testing.T) {
	t.Parallel()
	id, err := entity.ParseOperationName(entity.Operation{ID: "abc"}.Name())
	if err != nil || id != "abc" {
		t.Errorf("got %q, %v", id, err)
	}
	for _, name := range []string{"", "abc", "operations", "operations/", "Operations/abc", "/operations/abc"} {
		id, err := entity.ParseOperationName(name)
		if id != "" || !isReason(err, "OPERATION_NOT_FOUND") {
			t.Errorf("%q: %q, %v", name, id, err)
		}
	}
}

func FuzzParseOperationName(f *testing.F) {
	f.Add("operations/abc")
	f.Add("operations/")
	f.Fuzz(func(t *testing.T, name string) {
		id, err := entity.ParseOperationName(name)
		if err == nil && (entity.Operation{ID: id}).Name() != name {
			t.Errorf("%q is %q", name, id)
		}
		if err != nil && (id != "" || !errors.Is(err, entity.ErrNotFound)) {
			t.Errorf("%q: %q, %v", name, id, err)
		}
	})
}

func TestOperationVisibleTo(t *testing.T) {
	t.Parallel()
	op := entity.Operation{Owner: "u"}
	for name, test := range map[string]struct {
		principal entity.Principal
		want      bool
	}{
		"owner":   {entity.Principal{Username: "u", Role: "viewer"}, true},
		"another": {entity.Principal{Username: "v", Role: "editor"}, false},
		"admin":   {entity.Principal{Username: "v", Role: "admin"}, true},
		"nobody":  {entity.Principal{}, false},
	} {
		if got := op.VisibleTo(test.principal); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestOperationOutcome(t *testing.T) {
	t.Parallel()
	taken := &entity.Error{Kind: entity.KindAlreadyExists, Reason: "ENTITY_EXISTS", Message: "taken", Cause: errors.New("x")}
	denied := &entity.Error{Kind: entity.KindPermissionDenied, Reason: "GROUP_NOT_ALLOWED", Message: "no"}
	tests := map[string]struct {
		failures []*entity.Error // nil is one that was stored.
		state    entity.State
		reason   string
	}{
		"nothing given":        {nil, entity.StateSucceeded, ""},
		"all stored":           {[]*entity.Error{nil, nil}, entity.StateSucceeded, ""},
		"some stored":          {[]*entity.Error{taken, nil, denied}, entity.StateSucceeded, ""},
		"the last stored":      {[]*entity.Error{taken, nil}, entity.StateSucceeded, ""},
		"none stored":          {[]*entity.Error{denied, taken}, entity.StateFailed, "GROUP_NOT_ALLOWED"},
		"one and none of them": {[]*entity.Error{taken}, entity.StateFailed, "ENTITY_EXISTS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := entity.Operation{State: entity.StateRunning, Total: len(test.failures)}
			for i, failure := range test.failures {
				op.Record(entity.ImportItem{Index: i, Entity: entity.Entity{ID: strconv.Itoa(i)}}, failure)
			}
			if op.Ended() || op.Done != op.Total || op.Created+len(op.Failures) != op.Total {
				t.Errorf("before the end: %+v", op)
			}
			op.Finish()
			if !op.Ended() || op.State != test.state || (op.Err == nil) != (test.reason == "") {
				t.Fatalf("ended: %+v", op)
			}
			if op.Err != nil && (op.Err.Reason != test.reason || op.Err.Cause != nil) {
				t.Errorf("error %+v", op.Err)
			}
		})
	}
}

func TestOperationKeepsTheFirstFailures(t *testing.T) {
	t.Parallel()
	op := entity.Operation{State: entity.StateRunning}
	for i := range entity.MaxFailures + 1 {
		op.Record(entity.ImportItem{Index: i}, entity.ImportFailed())
	}
	if op.Done != 101 || op.Created != 0 || len(op.Failures) != 100 || op.Failures[99].Index != 99 {
		t.Errorf("done %d, created %d, %d failures", op.Done, op.Created, len(op.Failures))
	}
	op.Cancel()
	if op.State != entity.StateCancelled || !op.Ended() || op.Err != nil {
		t.Errorf("cancelled: %+v", op)
	}
}

func TestMaintenanceErr(t *testing.T) {
	t.Parallel()
	if err := (entity.Maintenance{RetryAfter: time.Hour, Message: "x"}).Err(); err != nil {
		t.Errorf("open: %v", err)
	}
	tests := map[string]struct {
		maintenance entity.Maintenance
		after       time.Duration
		message     string
	}{
		"defaults": {entity.Maintenance{Enabled: true}, time.Minute, "The service is closed for maintenance."},
		"told":     {entity.Maintenance{Enabled: true, RetryAfter: time.Hour, Message: "later"}, time.Hour, "later"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failure *entity.Error
			if !errors.As(test.maintenance.Err(), &failure) {
				t.Fatal("no error")
			}
			if failure.RetryAfter != test.after || failure.Message != test.message || failure.Reason != "MAINTENANCE" {
				t.Errorf("got %+v", failure)
			}
		})
	}
}
