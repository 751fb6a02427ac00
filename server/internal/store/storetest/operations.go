package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// compareScopes lets cmp look into entity.Scope.
func compareScopes() cmp.Option { return cmp.AllowUnexported(entity.Scope{}) }

// noWait bounds a wait for something that must not come.
const noWait = 50 * time.Millisecond

// start begins an import of everything into the group "g".
func start(t *testing.T, s entity.Store, entities ...entity.Entity) entity.Operation {
	t.Helper()
	op, err := s.StartImport(t.Context(), entity.Import{Owner: "u", Scope: entity.Within("g"), Entities: entities})
	if err != nil {
		t.Fatal(err)
	}

	return op
}

func receive(t *testing.T, s entity.Store) entity.ImportLease {
	t.Helper()
	lease, err := s.ReceiveImport(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return lease
}

// step is one batch as a worker would do it. It returns the operation.
func step(ctx context.Context, tx entity.ImportTx, size int) (entity.Operation, error) {
	op := tx.Operation()
	items, err := tx.NextItems(ctx, size)
	if err != nil {
		return op, err
	}
	for _, item := range items {
		err := tx.CreateEntity(ctx, item.Entity)
		var failure *entity.Error
		if err != nil && !errors.As(err, &failure) {
			return op, err
		}
		op.Record(item, failure)
	}
	if op.Done == op.Total {
		op.Finish()
	}

	return op, tx.SaveOperation(ctx, op)
}

// batch commits one step.
func batch(t *testing.T, s entity.Store, lease entity.ImportLease, size int) entity.Operation {
	t.Helper()
	var op entity.Operation
	err := s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
		var err error
		op, err = step(ctx, tx, size)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return op
}

// drain works on the next import, which must be this one, to its end.
func drain(t *testing.T, s entity.Store, id string) entity.Operation {
	t.Helper()
	lease := receive(t, s)
	if lease.OperationID != id {
		t.Fatalf("received %q, want %q", lease.OperationID, id)
	}
	for {
		if op := batch(t, s, lease, 500); op.Ended() {
			return op
		}
	}
}

// wantOperation fails unless the stored operation is this one.
func wantOperation(t *testing.T, s entity.Store, want entity.Operation) {
	t.Helper()
	got, err := s.GetOperation(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compareScopes()); diff != "" {
		t.Errorf("operation (-want +got):\n%s", diff)
	}
}

// wantEntities fails unless exactly these are stored.
func wantEntities(t *testing.T, s entity.Store, want ...string) {
	t.Helper()
	stored, err := export(t.Context(), s, "", entity.Everywhere())
	if err != nil {
		t.Fatal(err)
	}
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, idsOf(stored)); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
}

// wantNothingQueued fails if an import can be received.
func wantNothingQueued(t *testing.T, s entity.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), noWait)
	defer cancel()
	if lease, err := s.ReceiveImport(ctx); !errors.Is(err, context.DeadlineExceeded) || lease.OperationID != "" {
		t.Errorf("received %+v, %v", lease, err)
	}
}

func testOperations(t *testing.T, f *fixture) {
	s := f.store(t)
	op := start(t, s, many(3)...)
	want := entity.Operation{
		ID: op.ID, Owner: "u", Scope: entity.Within("g"), Total: 3, State: entity.StateRunning,
		CreateTime: f.clock.Now().Truncate(time.Microsecond), UpdateTime: f.clock.Now().Truncate(time.Microsecond),
	}
	if diff := cmp.Diff(want, op, compareScopes()); diff != "" || op.ID == "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	wantOperation(t, s, want)
	wantEntities(t, s) // It is not the caller who waits.
	everywhere, err := s.StartImport(t.Context(), entity.Import{Owner: "admin", Scope: entity.Everywhere()})
	wantReason(t, err, "")
	wantOperation(t, s, everywhere)
	for _, id := range []string{"", "x", op.ID + "x", op.Name()} {
		_, err := s.GetOperation(t.Context(), id)
		wantReason(t, err, entity.ReasonOperationNotFound)
		_, err = s.CancelOperation(t.Context(), id)
		wantReason(t, err, entity.ReasonOperationNotFound)
	}
	// Nothing of an import that could not be accepted is left.
	_, err = s.StartImport(t.Context(), entity.Import{
		Scope: entity.Everywhere(), Entities: []entity.Entity{sample("a", "g"), withAttributes("b", "x", func() {})},
	})
	wantReason(t, err, entity.ReasonEntityInvalid)
	receive(t, s)
	receive(t, s)
	wantNothingQueued(t, s)
}

func testOperationCancel(t *testing.T, f *fixture) {
	s := f.store(t)
	op := start(t, s, many(2)...)
	f.clock.Advance(time.Minute)
	cancelled, err := s.CancelOperation(t.Context(), op.ID)
	wantReason(t, err, "")
	op.CancelRequested = true
	op.UpdateTime = op.UpdateTime.Add(time.Minute)
	if diff := cmp.Diff(op, cancelled, compareScopes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The second time changes nothing.
	f.clock.Advance(time.Minute)
	again, err := s.CancelOperation(t.Context(), op.ID)
	wantReason(t, err, "")
	if diff := cmp.Diff(cancelled, again, compareScopes()); diff != "" {
		t.Errorf("again (-first +second):\n%s", diff)
	}
	// Nor does it on one that has ended.
	ended := start(t, s)
	drain(t, s, op.ID)
	drain(t, s, ended.ID)
	got, err := s.CancelOperation(t.Context(), ended.ID)
	wantReason(t, err, "")
	if got.CancelRequested || got.State != entity.StateSucceeded {
		t.Errorf("ended: %+v", got)
	}
}
