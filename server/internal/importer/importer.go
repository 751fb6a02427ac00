// Package importer is the worker that stores imported entities in the background.
//
// It works in batches and keeps nothing in memory between them: each batch reads the
// state from the store, and writes the entities, the progress and the lease in one
// transaction. So a crash loses no entity and stores none twice, and the import returns
// to the queue by itself.
package importer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/statusway/statusway/server/internal/entity"
)

// Defaults of Params.
const (
	DefaultBatchSize   = 100
	DefaultMaxAttempts = 10
	DefaultRetryDelay  = time.Second
)

// releaseTimeout bounds the one write of a worker that was asked to stop. When
// it is not enough, the lease runs out instead.
const releaseTimeout = 5 * time.Second

// Params configure a worker.
type Params struct {
	// Queue is where the imports come from.
	Queue entity.ImportQueue
	// BatchSize is how many entities are stored in one transaction, during which no
	// other write gets through. 0 means DefaultBatchSize.
	BatchSize int
	// MaxAttempts is how often an import is begun before it is given up. 0 means
	// DefaultMaxAttempts.
	MaxAttempts int
	// RetryDelay is the pause after a failure of the queue. 0 means
	// DefaultRetryDelay.
	RetryDelay time.Duration
	// Log takes what went wrong. nil means nowhere.
	Log *slog.Logger
}

// Worker works on one import after the other. Several may share a queue.
type Worker struct {
	queue       entity.ImportQueue
	batchSize   int
	maxAttempts int
	retryDelay  time.Duration
	log         *slog.Logger
}

// New returns a worker. It does nothing before Run.
func New(p Params) *Worker {
	w := &Worker{
		queue:       p.Queue,
		batchSize:   p.BatchSize,
		maxAttempts: p.MaxAttempts,
		retryDelay:  p.RetryDelay,
		log:         p.Log,
	}
	if w.batchSize <= 0 {
		w.batchSize = DefaultBatchSize
	}
	if w.maxAttempts <= 0 {
		w.maxAttempts = DefaultMaxAttempts
	}
	if w.retryDelay <= 0 {
		w.retryDelay = DefaultRetryDelay
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}

	return w
}

// Run works until ctx is done and nothing of it runs any more. The import that
// was in work then is given back, so that the next worker has it at once; an
// error means that it could not be, and comes back when its lease runs out.
// A failure of the queue is logged and tried again: it does not end Run.
func (w *Worker) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := w.queue.ReceiveImport(ctx)
		if err != nil {
			w.pause(ctx, err)

			continue
		}
		err = w.work(ctx, lease)
		if ctx.Err() != nil {
			return w.release(ctx, lease)
		}
		if errors.Is(err, entity.ErrLeaseLost) {
			w.log.WarnContext(ctx, "import lease lost", "operation", lease.OperationID, "attempt", lease.Attempt)
		} else if err != nil {
			// Not given back: the attempt counts, and the lease is the pause.
			w.log.ErrorContext(ctx, "import", "operation", lease.OperationID, "attempt", lease.Attempt, "error", err)
		}
	}

	return nil
}

// work runs batches until the import has ended. While the storage takes no writes, it keeps
// its lease and tries again: the import is not the cause, so this does not count as an attempt.
func (w *Worker) work(ctx context.Context, lease entity.ImportLease) error {
	for ended := false; !ended; {
		err := w.queue.ImportBatch(ctx, lease, func(ctx context.Context, tx entity.ImportTx) error {
			op, err := w.batch(ctx, tx, lease)
			if err != nil {
				return err
			}
			ended = op.Ended()

			return tx.SaveOperation(ctx, op)
		})
		switch {
		case errors.Is(err, entity.ErrNotWritable) && ctx.Err() == nil:
			ended = false
			w.pause(ctx, err)
		case err != nil:
			return err
		}
	}

	return nil
}

// batch returns the operation as one more batch leaves it.
func (w *Worker) batch(ctx context.Context, tx entity.ImportTx, lease entity.ImportLease) (entity.Operation, error) {
	op := tx.Operation()
	// First, so that an import which keeps killing its worker can still be
	// cancelled, and then is not called failed.
	if op.CancelRequested {
		op.Cancel()

		return op, nil
	}
	if lease.Attempt > w.maxAttempts {
		w.log.ErrorContext(ctx, "import given up", "operation", op.ID, "attempts", w.maxAttempts, "done", op.Done)
		op.Fail(entity.ImportFailed())

		return op, nil
	}
	items, err := tx.NextItems(ctx, w.batchSize)
	if err != nil {
		return op, err
	}
	for _, item := range items {
		failure, err := store(ctx, tx, item)
		if err != nil {
			return op, err
		}
		op.Record(item, failure)
	}
	switch {
	case op.Done >= op.Total:
		op.Finish()
	case len(items) == 0:
		// Items are missing, which no crash brings about. Without an end here the
		// worker would never leave this import.
		w.log.ErrorContext(ctx, "import without items", "operation", op.ID, "done", op.Done, "total", op.Total)
		op.Fail(entity.ImportFailed())
	}

	return op, nil
}

// store returns a failure if the entity is wrong. Any other problem is an error, which
// ends the batch.
func store(ctx context.Context, tx entity.ImportTx, item entity.ImportItem) (*entity.Error, error) {
	err := tx.CreateEntity(ctx, item.Entity)
	if err == nil {
		return nil, nil //nolint:nilnil // Neither went wrong.
	}
	var failure *entity.Error
	own := errors.Is(err, entity.ErrInvalid) || errors.Is(err, entity.ErrExists) || errors.Is(err, entity.ErrPermission)
	if own && errors.As(err, &failure) {
		return failure, nil
	}

	return nil, fmt.Errorf("item %d: %w", item.Index, err)
}

// release gives the import back although ctx is done. It need not know how far
// the last batch came: the store does.
func (w *Worker) release(ctx context.Context, lease entity.ImportLease) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := w.queue.ReleaseImport(ctx, lease); err != nil {
		return fmt.Errorf("give back the import %s: %w", lease.OperationID, err)
	}

	return nil
}

// pause waits after a failure of the queue, which is none when ctx is done.
func (w *Worker) pause(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	w.log.ErrorContext(ctx, "receive import", "error", err)
	timer := time.NewTimer(w.retryDelay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
