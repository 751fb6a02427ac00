package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// A worker that is only slow must not write beside its successor.
func testImportLease(t *testing.T, f *fixture) {
	f.lease = shortLease
	s := f.store(t)
	start(t, s, many(4)...)
	slow := receive(t, s)
	batch(t, s, slow, 1)
	fresh := receive(t, s)
	if fresh.Attempt != 2 || fresh.Fence <= slow.Fence {
		t.Errorf("%+v after %+v", fresh, slow)
	}
	called := false
	err := s.ImportBatch(t.Context(), slow, func(context.Context, entity.ImportTx) error {
		called = true

		return nil
	})
	if !errors.Is(err, entity.ErrLeaseLost) || called {
		t.Errorf("the slow worker: %v, called %t", err, called)
	}
	wantReason(t, err, entity.ErrLeaseLost.Error()) // No failure of the store.
	wantReason(t, s.ReleaseImport(t.Context(), slow), "")
	op := batch(t, s, fresh, 1)
	for !op.Ended() {
		op = batch(t, s, fresh, 1)
	}
	if op.Created != 4 || len(op.Failures) != 0 {
		t.Errorf("ended %+v", op)
	}
	if err := s.ImportBatch(t.Context(), fresh, nil); !errors.Is(err, entity.ErrLeaseLost) {
		t.Errorf("after the end: %v", err)
	}
}

// A batch is a sign of life.
func testImportExtend(t *testing.T, f *fixture) {
	f.lease = shortLease
	s := f.store(t)
	f.lease = time.Minute
	longer := f.store(t)
	start(t, s, many(2)...)
	lease := receive(t, s)
	batch(t, longer, lease, 1) // It has a minute again, also when the lease had run out.
	ctx, cancel := context.WithTimeout(t.Context(), 3*shortLease)
	defer cancel()
	if got, err := s.ReceiveImport(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %+v, %v", got, err)
	}
}

func testImportRelease(t *testing.T, f *fixture) {
	s := f.store(t) // Its leases outlast the test, so that only the release helps.
	op := start(t, s, many(2)...)
	for range 3 {
		lease := receive(t, s)
		if lease.OperationID != op.ID || lease.Attempt != 1 {
			t.Errorf("lease %+v", lease)
		}
		wantReason(t, s.ReleaseImport(t.Context(), lease), "")
		if err := s.ImportBatch(t.Context(), lease, nil); !errors.Is(err, entity.ErrLeaseLost) {
			t.Errorf("after the release: %v", err)
		}
		wantReason(t, s.ReleaseImport(t.Context(), lease), "") // Again.
	}
	lease := receive(t, s)
	wantNothingQueued(t, s)
	batch(t, s, lease, 2)
	wantReason(t, s.ReleaseImport(t.Context(), lease), "") // After the end.
	wantNothingQueued(t, s)
}

// Each import is received once.
func testImportQueue(t *testing.T, f *fixture) {
	s := f.store(t)
	wantNothingQueued(t, s)
	var ids []string
	for range 3 {
		ids = append(ids, start(t, s, many(1)...).ID)
	}
	seen := map[string]bool{}
	for range ids {
		seen[receive(t, s).OperationID] = true
	}
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("%s was not received", id)
		}
	}
	wantNothingQueued(t, s)
	// One that waits already gets what comes.
	received := make(chan entity.ImportLease, 1)
	var group sync.WaitGroup
	group.Go(func() {
		lease, err := s.ReceiveImport(t.Context())
		if err != nil {
			t.Errorf("receive: %v", err)
		}
		received <- lease
	})
	op := start(t, s, many(1)...)
	if lease := <-received; lease.OperationID != op.ID {
		t.Errorf("received %+v, want %s", lease, op.ID)
	}
	group.Wait()
}

// A crowd of workers shares the queue: each import has one of them.
func testImportRace(t *testing.T, f *fixture) {
	s := f.store(t)
	for range crowd {
		start(t, s, sample("", "g"), sample("", "g"))
	}
	outcomes := race(func(int) error {
		lease, err := s.ReceiveImport(t.Context())
		for ended := false; err == nil && !ended; {
			err = s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
				op, err := step(ctx, tx, 1)
				ended = op.Ended()

				return err
			})
		}

		return err
	})
	if diff := cmp.Diff(map[string]int{"": crowd}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if stored, err := export(t.Context(), s, "", entity.Everywhere()); err != nil || len(stored) != 2*crowd {
		t.Errorf("%d entities, %v", len(stored), err)
	}
	wantNothingQueued(t, s)
}

// The backlog is what nobody has dealt with, whoever has the lease.
func testImportBacklog(t *testing.T, f *fixture) {
	s := f.store(t)
	want := func(imports, entities int) {
		t.Helper()
		got, err := s.Backlog(t.Context())
		if err != nil || got != (entity.Backlog{Imports: imports, Entities: entities}) {
			t.Errorf("backlog %+v, %v, want %d imports of %d entities", got, err, imports, entities)
		}
	}
	want(0, 0)
	start(t, s, many(4)...)
	start(t, s, many(3)...)
	want(2, 7)
	lease := receive(t, s)
	want(2, 7)
	first := batch(t, s, lease, 1)
	want(2, 6)
	for op := first; !op.Ended(); {
		op = batch(t, s, lease, 1)
	}
	want(1, 7-first.Total)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backlog(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
