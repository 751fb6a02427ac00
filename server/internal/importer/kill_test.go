package importer_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/importer"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

// victimPath is the environment variable that makes the test binary a worker on
// the database which it names.
const victimPath = "IMPORTER_TEST_VICTIM"

// victimBatches is after how many batches a victim hangs in the next, so that it
// never ends before it is killed.
const victimBatches = 60

// beVictim imports one entity after the other until it is killed.
func beVictim(path string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Params{Path: path, ImportTimeout: shortLease})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	queue := &interceptor{ImportQueue: s, inside: func(batch int) error {
		if batch > victimBatches {
			select {} // With the work done and not committed.
		}

		return nil
	}}
	if err := importer.New(importer.Params{Queue: queue, BatchSize: 1}).Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A worker is killed (SIGKILL) again and again in the midst of an import. What it
// has stored stays, nothing is stored twice, and the next one goes on by itself.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, shortLease)
	const total, kills = 300, 4
	op := start(t, s, many(total)...)
	done := 0
	for kill := range kills {
		// Some are killed wherever they are, and some where they hang.
		next := done + 5
		if kill%2 == 1 {
			next = done + victimBatches
		}
		victim := exec.CommandContext(t.Context(), os.Args[0])
		victim.Env = append(os.Environ(), victimPath+"="+path)
		victim.Stderr = os.Stderr
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, s, op.ID, func(op entity.Operation) bool { return op.Done >= next })
		if err := victim.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = victim.Wait() // It was killed, which is an error.
		current, err := s.GetOperation(t.Context(), op.ID)
		if err != nil || current.Ended() || current.Created != current.Done || count(t, s) != current.Done {
			t.Fatalf("%d entities are stored, and the operation says %+v, %v", count(t, s), current, err)
		}
		done = current.Done
	}
	run(t, importer.Params{Queue: s})
	ended := await(t, s, op.ID, entity.Operation.Ended)
	if ended.State != entity.StateSucceeded || ended.Created != total || len(ended.Failures) != 0 || count(t, s) != total {
		t.Errorf("%d entities are stored, ended %+v", count(t, s), ended)
	}
}
