package importer_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/importer"
)

// interceptor is the real queue with something in between.
type interceptor struct {
	entity.ImportQueue

	mutex   sync.Mutex
	batches int
	// inside runs in the transaction, after the work; after runs behind it. Both are
	// told the number of the batch, from 1.
	inside, after func(batch int) error
}

func (q *interceptor) ImportBatch(
	ctx context.Context, lease entity.ImportLease, work func(context.Context, entity.ImportTx) error,
) error {
	q.mutex.Lock()
	q.batches++
	number := q.batches
	q.mutex.Unlock()
	err := q.ImportQueue.ImportBatch(ctx, lease, func(ctx context.Context, tx entity.ImportTx) error {
		if err := work(ctx, tx); err != nil || q.inside == nil {
			return err
		}

		return q.inside(number)
	})
	if err != nil || q.after == nil {
		return err
	}

	return q.after(number)
}

var errCrash = errors.New("crash with internal text")

// Every batch fails once before it succeeds.
func TestCrashesAreMadeUpFor(t *testing.T) {
	t.Parallel()
	s := openNew(t, shortLease)
	queue := &interceptor{ImportQueue: s, inside: func(batch int) error {
		if batch%2 == 1 {
			return errCrash
		}

		return nil
	}}
	run(t, importer.Params{Queue: queue, BatchSize: 10})
	op := await(t, s, start(t, s, many(45)...).ID, entity.Operation.Ended)
	if op.State != entity.StateSucceeded || op.Created != 45 || len(op.Failures) != 0 {
		t.Errorf("ended %+v", op)
	}
	if got := count(t, s); got != 45 {
		t.Errorf("%d entities are stored", got)
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	s := openNew(t, time.Millisecond)
	var log lines
	begun := 0
	queue := &interceptor{ImportQueue: s, inside: func(int) error {
		begun++
		if begun <= 3 {
			return errCrash
		}

		return nil
	}}
	stop := run(t, importer.Params{Queue: queue, MaxAttempts: 3, Log: slog.New(slog.NewTextHandler(&log, nil))})
	op := await(t, s, start(t, s, many(5)...).ID, entity.Operation.Ended)
	stop()
	want := entity.ImportFailed()
	if diff := cmp.Diff(want, op.Err); diff != "" || op.State != entity.StateFailed || want.Kind != entity.KindInternal {
		t.Errorf("state %s, error (-want +got):\n%s", op.State, diff)
	}
	if strings.Contains(op.Err.Message, errCrash.Error()) {
		t.Errorf("%q tells what happened inside", op.Err.Message)
	}
	if got := count(t, s); got != 0 || begun != 4 {
		t.Errorf("%d entities are stored, begun %d times", got, begun)
	}
	if text := log.String(); strings.Count(text, errCrash.Error()) != 3 || !strings.Contains(text, "given up") {
		t.Errorf("log:\n%s", text)
	}
}

// The default is ten attempts.
func TestGivesUpAfterTen(t *testing.T) {
	t.Parallel()
	s := openNew(t, time.Millisecond)
	begun := 0
	queue := &interceptor{ImportQueue: s, inside: func(int) error {
		begun++
		if begun <= 10 {
			return errCrash
		}

		return nil
	}}
	stop := run(t, importer.Params{Queue: queue})
	op := await(t, s, start(t, s, many(1)...).ID, entity.Operation.Ended)
	stop()
	if op.State != entity.StateFailed || op.Err.Reason != entity.ReasonImportFailed || begun != 11 {
		t.Errorf("begun %d times, ended %+v", begun, op)
	}
}

// A worker that is asked to stop gives its import back, however often that
// happens, and at whatever point.
func TestStops(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease) // Only what was given back can come again.
	const total, rounds = 60, 15
	op := start(t, s, many(total)...)
	for round := range rounds {
		reached := make(chan struct{}, total)
		hook := func(int) error {
			reached <- struct{}{}

			return nil
		}
		queue := &interceptor{ImportQueue: s, after: hook}
		if round%2 == 0 {
			queue = &interceptor{ImportQueue: s, inside: hook}
		}
		stop := run(t, importer.Params{Queue: queue, BatchSize: 1, MaxAttempts: 1})
		select {
		case <-reached:
		case <-t.Context().Done():
		}
		stop()
		current, err := s.GetOperation(t.Context(), op.ID)
		if err != nil || current.Created != current.Done || count(t, s) != current.Done {
			t.Fatalf("round %d: %d entities, %+v, %v", round, count(t, s), current, err)
		}
	}
	run(t, importer.Params{Queue: s, MaxAttempts: 1})
	ended := await(t, s, op.ID, entity.Operation.Ended)
	if ended.State != entity.StateSucceeded || ended.Created != total || count(t, s) != total {
		t.Errorf("%d entities, %+v", count(t, s), ended)
	}
}

// A worker without work stops too.
func TestStopsIdle(t *testing.T) {
	t.Parallel()
	stop := run(t, importer.Params{Queue: openNew(t, longLease)})
	stop()
}

func TestStopsWithoutAStore(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	start(t, s, many(2)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	queue := &interceptor{ImportQueue: s, after: func(int) error {
		cancel()

		return s.Close()
	}}
	err := importer.New(importer.Params{Queue: queue, BatchSize: 1}).Run(ctx)
	var failure *entity.Error
	if !errors.As(err, &failure) || failure.Reason != entity.ReasonStoreFailed {
		t.Errorf("the import could not be given back, and Run says %v", err)
	}
}

// failing is a queue that cannot be reached at first.
type failing struct {
	entity.ImportQueue

	failures int
}

func (q *failing) ReceiveImport(ctx context.Context) (entity.ImportLease, error) {
	if q.failures > 0 {
		q.failures--

		return entity.ImportLease{}, entity.StoreBusy(errCrash)
	}

	return q.ImportQueue.ReceiveImport(ctx)
}

func TestQueueFailuresPass(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	var log lines
	run(t, importer.Params{
		Queue: &failing{ImportQueue: s, failures: 3}, RetryDelay: time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	op := await(t, s, start(t, s, many(1)...).ID, entity.Operation.Ended)
	if op.State != entity.StateSucceeded || strings.Count(log.String(), "STORE_BUSY") != 3 {
		t.Errorf("ended %+v, log:\n%s", op, log.String())
	}
}

// full is a queue whose storage takes no batch at first.
type full struct {
	entity.ImportQueue

	failures int
}

func (q *full) ImportBatch(ctx context.Context, lease entity.ImportLease, work func(context.Context, entity.ImportTx) error) error {
	if q.failures > 0 {
		q.failures--

		return entity.StoreNotWritable(errCrash)
	}

	return q.ImportQueue.ImportBatch(ctx, lease, work)
}

// Storage that takes no writes uses up no attempt of an import, however long that lasts.
func TestStorageFailuresPass(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	run(t, importer.Params{Queue: &full{ImportQueue: s, failures: 5}, MaxAttempts: 1, RetryDelay: time.Millisecond})
	if op := await(t, s, start(t, s, many(1)...).ID, entity.Operation.Ended); op.State != entity.StateSucceeded {
		t.Errorf("ended %+v", op)
	}
}

// Run ends also while it waits for a queue that is broken.
func TestStopsInThePause(t *testing.T) {
	t.Parallel()
	stop := run(t, importer.Params{Queue: &failing{failures: 1}, RetryDelay: time.Hour})
	stop()
}

// A worker that was too slow drops the import which another has.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	s := openNew(t, shortLease)
	var log lines
	op := start(t, s, many(3)...)
	queue := &interceptor{ImportQueue: s, after: func(batch int) error {
		if batch > 1 {
			return nil
		}
		lease, err := s.ReceiveImport(t.Context()) // Another worker, when the lease has run out.
		if err != nil {
			return err
		}

		return s.ReleaseImport(t.Context(), lease)
	}}
	run(t, importer.Params{Queue: queue, BatchSize: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ended := await(t, s, op.ID, entity.Operation.Ended)
	if ended.State != entity.StateSucceeded || ended.Created != 3 || count(t, s) != 3 {
		t.Errorf("%d entities, %+v", count(t, s), ended)
	}
	if !strings.Contains(log.String(), "lease lost") {
		t.Errorf("log:\n%s", log.String())
	}
}
