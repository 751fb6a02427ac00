package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// shortLease runs out within a test.
const shortLease = 100 * time.Millisecond

// errCrash ends a batch midway.
var errCrash = errors.New("crash")

func testImport(t *testing.T, f *fixture) {
	s := f.store(t)
	given := []entity.Entity{withAttributes("b", "x", []any{1.0, nil}), sample("a/%2F", "g"), sample("", "g")}
	op := start(t, s, given...)
	lease := receive(t, s)
	if lease.OperationID != op.ID || lease.Attempt != 1 {
		t.Errorf("lease %+v", lease)
	}
	f.clock.Advance(time.Minute)
	progress := batch(t, s, lease, 2)
	if progress.Done != 2 || progress.Created != 2 || progress.Ended() {
		t.Errorf("progress %+v", progress)
	}
	want := op
	want.Done, want.Created, want.UpdateTime = 2, 2, op.UpdateTime.Add(time.Minute)
	wantOperation(t, s, want)
	wantEntities(t, s, "a/%2F", "b")
	if diff := cmp.Diff(given[0].Attributes, mustGet(t, s, "b").Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	batch(t, s, lease, 2)
	want.Done, want.Created, want.State = 3, 3, entity.StateSucceeded
	wantOperation(t, s, want)
	if exported, err := export(t.Context(), s, "", entity.Everywhere()); err != nil || len(exported) != 3 {
		t.Errorf("%d entities, %v", len(exported), err)
	}
	wantNothingQueued(t, s)
}

func testImportFailures(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("taken", "g"))
	invalid := sample("invalid", "g")
	invalid.DisplayName = ""
	op := start(t, s, sample("taken", "g"), sample("foreign", "x"), sample("good", "g"), invalid, sample("good", "g"))
	ended := drain(t, s, op.ID)
	if ended.State != entity.StateSucceeded || ended.Done != 5 || ended.Created != 1 || ended.Err != nil {
		t.Errorf("ended %+v", ended)
	}
	wantOperation(t, s, ended)
	var got []string
	for _, failure := range ended.Failures {
		got = append(got, fmt.Sprintf("%d %s %s", failure.Index, failure.ID, failure.Err.Reason))
	}
	want := []string{
		"0 taken ENTITY_EXISTS", "1 foreign GROUP_NOT_ALLOWED", "3 invalid ENTITY_INVALID", "4 good ENTITY_EXISTS",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	wantEntities(t, s, "good", "taken")
}

func testImportRights(t *testing.T, f *fixture) {
	s := f.store(t)
	for name, test := range map[string]struct {
		scope  entity.Scope
		reason string
	}{
		"everywhere": {entity.Everywhere(), ""},
		"within":     {entity.Within("f", "g"), ""},
		"elsewhere":  {entity.Within("f"), entity.ReasonGroupNotAllowed},
		"nowhere":    {entity.Scope{}, entity.ReasonGroupNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			op, err := s.StartImport(t.Context(), entity.Import{
				Scope: test.scope, Entities: []entity.Entity{sample(name, "g")},
			})
			wantReason(t, err, "")
			ended := drain(t, s, op.ID)
			if (ended.Err == nil) != (test.reason == "") || (ended.Err != nil && ended.Err.Reason != test.reason) {
				t.Errorf("ended by %v, want %q", ended.Err, test.reason)
			}
		})
	}
}

func testImportOutcome(t *testing.T, f *fixture) {
	s := f.store(t)
	var foreign []entity.Entity
	for i := range entity.MaxFailures + 5 {
		foreign = append(foreign, sample(fmt.Sprintf("e%d", i), "x"))
	}
	op := start(t, s, foreign...)
	ended := drain(t, s, op.ID)
	if ended.State != entity.StateFailed || ended.Done != len(foreign) || len(ended.Failures) != entity.MaxFailures {
		t.Errorf("state %s, done %d, %d failures", ended.State, ended.Done, len(ended.Failures))
	}
	if ended.Err == nil || ended.Err.Reason != entity.ReasonGroupNotAllowed || ended.Err.Kind != entity.KindPermissionDenied {
		t.Errorf("error %+v", ended.Err)
	}
	wantOperation(t, s, ended)
	wantEntities(t, s)
	empty := start(t, s)
	if ended := drain(t, s, empty.ID); ended.State != entity.StateSucceeded || ended.Total != 0 {
		t.Errorf("nothing to import: %+v", ended)
	}
}

// crash does the work of a batch and then fails, as if the power had gone.
func crash(t *testing.T, s entity.Store, lease entity.ImportLease, size int) {
	t.Helper()
	err := s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
		if _, err := step(ctx, tx, size); err != nil {
			return err
		}

		return errCrash
	})
	if !errors.Is(err, errCrash) {
		t.Fatalf("got %v", err)
	}
}

func testImportCrash(t *testing.T, f *fixture) {
	f.lease = shortLease
	s := f.store(t)
	op := start(t, s, sample("a", "g"), sample("", "g"), sample("c", "g"), sample("", "g"))
	for attempt := 1; attempt <= op.Total; attempt++ {
		lease := receive(t, s) // By itself, when the lease before has run out.
		if lease.OperationID != op.ID || lease.Attempt != attempt {
			t.Fatalf("attempt %d: lease %+v", attempt, lease)
		}
		batch(t, s, lease, 1)
		before, err := s.GetOperation(t.Context(), op.ID)
		wantReason(t, err, "")
		if before.Done != attempt || before.Ended() != (attempt == op.Total) {
			t.Errorf("attempt %d: %+v", attempt, before)
		}
		if attempt < op.Total {
			crash(t, s, lease, op.Total)
		}
		wantOperation(t, s, before)
		if stored, err := export(t.Context(), s, "", entity.Everywhere()); err != nil || len(stored) != attempt {
			t.Errorf("attempt %d: %d entities, %v", attempt, len(stored), err)
		}
	}
	wantNothingQueued(t, s)
}

// The end of the operation and that of its message are one.
func testImportCrashAtTheEnd(t *testing.T, f *fixture) {
	f.lease = shortLease
	s := f.store(t)
	op := start(t, s, many(2)...)
	crash(t, s, receive(t, s), 2)
	wantOperation(t, s, op)
	wantEntities(t, s)
	if ended := drain(t, s, op.ID); ended.State != entity.StateSucceeded || ended.Created != 2 || len(ended.Failures) != 0 {
		t.Errorf("ended %+v", ended)
	}
	wantNothingQueued(t, s)
}

func testImportPanic(t *testing.T, f *fixture) {
	s := f.store(t)
	op := start(t, s, many(2)...)
	lease := receive(t, s)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_ = s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
			if _, err := step(ctx, tx, 1); err != nil {
				return err
			}
			panic(errCrash)
		})
	}()
	wantOperation(t, s, op)
	wantEntities(t, s)
	mustCreate(t, s, sample("other", "g")) // Nothing is locked.
}

// A worker whose context ends midway leaves nothing half done, and can hand the
// import back with another context.
func testImportContext(t *testing.T, f *fixture) {
	s := f.store(t)
	op := start(t, s, many(3)...)
	lease := receive(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.ImportBatch(ctx, lease, func(ctx context.Context, tx entity.ImportTx) error {
		if _, err := step(ctx, tx, 1); err != nil {
			return err
		}
		cancel()
		_, err := tx.NextItems(ctx, 1)

		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantOperation(t, s, op)
	wantEntities(t, s)
	// One that ends between the last statement and the commit is no other.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	err = s.ImportBatch(ctx, lease, func(ctx context.Context, tx entity.ImportTx) error {
		_, err := step(ctx, tx, 1)
		cancel()

		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantOperation(t, s, op)
	wantReason(t, s.ReleaseImport(t.Context(), lease), "")
	drain(t, s, op.ID)
	wantEntities(t, s, idsOf(many(3))...)
}

// An accepted import, and one in work, outlive the process.
func testImportReopen(t *testing.T, f *fixture) {
	f.lease = shortLease
	s := f.store(t)
	op := start(t, s, many(3)...)
	wantReason(t, s.Close(), "")
	s = f.store(t)
	batch(t, s, receive(t, s), 2)
	wantReason(t, s.Close(), "")
	s = f.store(t)
	lease := receive(t, s)
	if ended := batch(t, s, lease, 2); lease.Attempt != 2 || ended.ID != op.ID || ended.Created != 3 || !ended.Ended() {
		t.Errorf("lease %+v, ended %+v", lease, ended)
	}
}

func testImportCancel(t *testing.T, f *fixture) {
	s := f.store(t)
	op := start(t, s, many(4)...)
	lease := receive(t, s)
	batch(t, s, lease, 2)
	if _, err := s.CancelOperation(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	err := s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
		op := tx.Operation()
		if !op.CancelRequested {
			t.Error("the worker is not told")
		}
		op.Cancel()

		return tx.SaveOperation(ctx, op)
	})
	wantReason(t, err, "")
	got, err := s.GetOperation(t.Context(), op.ID)
	if err != nil || got.State != entity.StateCancelled || got.Done != 2 || got.Created != 2 || got.Err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	wantEntities(t, s, "e000000", "e000001") // What was stored stays.
	wantNothingQueued(t, s)
}
