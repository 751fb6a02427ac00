package importer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/importer"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimPath); path != "" {
		beVictim(path)

		return
	}
	goleak.VerifyTestMain(m)
}

// shortLease runs out within a test; longLease does not.
const (
	shortLease = 100 * time.Millisecond
	longLease  = time.Hour
)

func open(t *testing.T, path string, lease time.Duration) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Params{
		Path: path, ImportTimeout: lease, ImportPoll: 10 * time.Millisecond, BusyTimeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})

	return s
}

func openNew(t *testing.T, lease time.Duration) *sqlite.Store {
	t.Helper()

	return open(t, filepath.Join(t.TempDir(), "store.db"), lease)
}

// run starts a worker and returns how to stop it; it also stops with the test.
func run(t *testing.T, p importer.Params) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- importer.New(p).Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)

	return stop
}

// await polls until the operation is as asked for.
func await(t *testing.T, s entity.Store, id string, ready func(entity.Operation) bool) entity.Operation {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		op, err := s.GetOperation(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if ready(op) {
			return op
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the test ends at %+v", op)
		case <-ticker.C:
		}
	}
}

func start(t *testing.T, s entity.Store, entities ...entity.Entity) entity.Operation {
	t.Helper()
	op, err := s.StartImport(t.Context(), entity.Import{Owner: "u", Scope: entity.Within("g"), Entities: entities})
	if err != nil {
		t.Fatal(err)
	}

	return op
}

func sample(id, group string) entity.Entity {
	return entity.Entity{ID: id, DisplayName: "X", Group: group}
}

// many returns n entities: every other one without an id.
func many(n int) []entity.Entity {
	var entities []entity.Entity
	for i := range n {
		id := ""
		if i%2 == 0 {
			id = fmt.Sprintf("e%06d", i)
		}
		entities = append(entities, sample(id, "g"))
	}

	return entities
}

func count(t *testing.T, s entity.Store) int {
	t.Helper()
	n := 0
	for _, err := range s.ExportEntities(t.Context(), "", entity.Everywhere()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}

	return n
}

func TestRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		entities []entity.Entity
		state    entity.State
		reason   string
		created  int
		failures []string
	}{
		"nothing":         {nil, entity.StateSucceeded, "", 0, nil},
		"one":             {many(1), entity.StateSucceeded, "", 1, nil},
		"less than batch": {many(9), entity.StateSucceeded, "", 9, nil},
		"a batch":         {many(10), entity.StateSucceeded, "", 10, nil},
		"one beyond":      {many(11), entity.StateSucceeded, "", 11, nil},
		"many batches":    {many(95), entity.StateSucceeded, "", 95, nil},
		"some fail": {
			[]entity.Entity{sample("a", "g"), sample("a", "g"), sample("b", "x"), {ID: "c", Group: "g"}, sample("d", "g")},
			entity.StateSucceeded, "", 2,
			[]string{"1 a ENTITY_EXISTS", "2 b GROUP_NOT_ALLOWED", "3 c ENTITY_INVALID"},
		},
		"all fail": {
			[]entity.Entity{sample("b", "x"), {ID: "c", Group: "g"}},
			entity.StateFailed, "GROUP_NOT_ALLOWED", 0,
			[]string{"0 b GROUP_NOT_ALLOWED", "1 c ENTITY_INVALID"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openNew(t, longLease)
			run(t, importer.Params{Queue: s, BatchSize: 10})
			op := await(t, s, start(t, s, test.entities...).ID, entity.Operation.Ended)
			if op.State != test.state || op.Created != test.created || op.Done != len(test.entities) {
				t.Errorf("ended %+v", op)
			}
			if (op.Err == nil) != (test.reason == "") || (op.Err != nil && op.Err.Reason != test.reason) {
				t.Errorf("error %v, want %q", op.Err, test.reason)
			}
			var failures []string
			for _, failure := range op.Failures {
				failures = append(failures, fmt.Sprintf("%d %s %s", failure.Index, failure.ID, failure.Err.Reason))
			}
			if diff := cmp.Diff(test.failures, failures); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := count(t, s); got != test.created {
				t.Errorf("%d entities are stored, want %d", got, test.created)
			}
		})
	}
}

func TestRunKeepsTheFirstFailures(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	run(t, importer.Params{Queue: s, BatchSize: 7})
	var foreign []entity.Entity
	for range entity.MaxFailures + 20 {
		foreign = append(foreign, sample("", "x"))
	}
	op := await(t, s, start(t, s, append(foreign, sample("a", "g"))...).ID, entity.Operation.Ended)
	if len(op.Failures) != 100 || op.Failures[99].Index != 99 || op.Created != 1 || op.State != entity.StateSucceeded {
		t.Errorf("%d failures, %+v", len(op.Failures), op)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	const total = 1000
	op := start(t, s, many(total)...)
	// The cancellation comes after the first batch and before the second.
	queue := &interceptor{ImportQueue: s, after: func(batch int) error {
		if batch == 1 {
			if _, err := s.CancelOperation(t.Context(), op.ID); err != nil {
				t.Errorf("cancel: %v", err)
			}
		}

		return nil
	}}
	run(t, importer.Params{Queue: queue, BatchSize: 10})
	ended := await(t, s, op.ID, entity.Operation.Ended)
	if ended.State != entity.StateCancelled || ended.Done != 10 || ended.Created != 10 || ended.Err != nil {
		t.Errorf("ended %+v", ended)
	}
	if got := count(t, s); got != 10 {
		t.Errorf("%d entities are stored", got)
	}
}

func TestCancelBeforeTheStart(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	op := start(t, s, many(5)...)
	if _, err := s.CancelOperation(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	run(t, importer.Params{Queue: s})
	if ended := await(t, s, op.ID, entity.Operation.Ended); ended.State != entity.StateCancelled || ended.Done != 0 {
		t.Errorf("ended %+v", ended)
	}
}

// Several workers share the imports.
func TestWorkers(t *testing.T) {
	t.Parallel()
	s := openNew(t, longLease)
	for range 4 {
		run(t, importer.Params{Queue: s, BatchSize: 3})
	}
	var ids []string
	for range 12 {
		ids = append(ids, start(t, s, sample("", "g"), sample("", "g"), sample("", "g"), sample("", "g")).ID)
	}
	for _, id := range ids {
		if op := await(t, s, id, entity.Operation.Ended); op.Created != 4 {
			t.Errorf("ended %+v", op)
		}
	}
	if got := count(t, s); got != 48 {
		t.Errorf("%d entities are stored", got)
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()

	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()

	return l.text.String()
}
