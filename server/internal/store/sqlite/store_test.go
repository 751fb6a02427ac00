package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/store/sqlite"
	"github.com/statusway/statusway/server/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, p storetest.Params) entity.Store {
		t.Helper()
		s, err := sqlite.Open(context.Background(), sqlite.Params{
			Path:          filepath.Join(p.Dir, "store.db"),
			Now:           p.Now,
			BusyTimeout:   time.Minute, // The machine that tests may be slow.
			ImportTimeout: p.ImportTimeout,
			ImportPoll:    p.ImportTimeout / 10,
		})
		if err != nil {
			t.Fatal(err)
		}

		return s
	})
}

func open(t *testing.T, p sqlite.Params) *sqlite.Store {
	t.Helper()
	if p.Path == "" {
		p.Path = filepath.Join(t.TempDir(), "store.db")
	}
	s, err := sqlite.Open(t.Context(), p)
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

// A path may be anything that a folder can be called.
func TestOpenPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "a b?mode=ro&x#y%20.db", "日本/é.db", "deep/er/store", "file:x.db", ":memory:"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), filepath.FromSlash(name))
			s := open(t, sqlite.Params{Path: path})
			if _, err := s.CreateEntity(t.Context(), entity.Entity{ID: "a", DisplayName: "A", Group: "g"}, entity.Everywhere()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, sqlite.Params{Path: path})
			if _, err := again.GetEntity(t.Context(), "a", entity.Everywhere()); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			// The files are where they should be, and for nobody else.
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				info, err := entry.Info()
				if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(entry.Name(), filepath.Base(path)) {
					t.Errorf("%s: %v, %v", entry.Name(), info, err)
				}
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no database": file, "folder in a file": filepath.Join(file, "store.db"), "folder": t.TempDir(),
	} {
		s, err := sqlite.Open(t.Context(), sqlite.Params{Path: path})
		if err == nil || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		if errors.Is(err, sqlite.ErrNewerSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, sqlite.Params{Path: path})
	if err := s.Write(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	newer, err := sqlite.Open(t.Context(), sqlite.Params{Path: path})
	if !errors.Is(err, sqlite.ErrNewerSchema) || newer != nil {
		t.Fatalf("got %v, %v", newer, err)
	}
	if !strings.Contains(err.Error(), "999") || !strings.Contains(err.Error(), path) {
		t.Errorf("%q does not say which version or which file", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Params{BusyTimeout: 1234 * time.Millisecond})
	const full = "2"
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": full, "foreign_keys": "1", "busy_timeout": "1234",
	} {
		if got, err := s.Setting(t.Context(), name); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", name, got, err, want)
		}
	}
	if err := s.WriteByReader(t.Context(), "DELETE FROM entities"); err == nil {
		t.Error("a reader can write")
	}
}

// Another process that holds the lock makes a write fail, not wait for ever, and
// no read.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, sqlite.Params{Path: path, BusyTimeout: time.Millisecond})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateEntity(t.Context(), entity.Entity{ID: "a", DisplayName: "A", Group: "g"}, entity.Everywhere())
	var failure *entity.Error
	if !errors.As(err, &failure) || failure.Reason != entity.ReasonStoreBusy || failure.RetryAfter <= 0 || failure.Cause == nil {
		t.Errorf("write: %v", err)
	}
	if _, err := s.ListEntities(t.Context(), entity.ListParams{Scope: entity.Everywhere()}); err != nil {
		t.Errorf("read: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateEntity(t.Context(), entity.Entity{ID: "a", DisplayName: "A", Group: "g"}, entity.Everywhere())
	if err != nil {
		t.Errorf("write after it: %v", err)
	}
}

// What the driver says stays in the cause, for each kind of method.
func TestDriverErrorsStayInside(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Params{})
	for _, table := range []string{"entities", "sessions", "users", "import_items", "operations", "maintenance", "goqite"} {
		if err := s.Write(t.Context(), "DROP TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
	user := entity.User{Name: "u", Role: entity.RoleAdmin}
	calls := map[string]func(ctx context.Context) error{
		"GetEntity": func(ctx context.Context) error { _, err := s.GetEntity(ctx, "a", entity.Everywhere()); return err },
		"PutEntity": func(ctx context.Context) error {
			_, _, err := s.PutEntity(ctx, entity.PutParams{
				Entity: entity.Entity{ID: "a", DisplayName: "A", Group: "g"}, Scope: entity.Everywhere(),
			})

			return err
		},
		"UpdateEntity": func(ctx context.Context) error { _, err := s.UpdateEntity(ctx, entity.UpdateParams{}); return err },
		"DeleteEntity": func(ctx context.Context) error { return s.DeleteEntity(ctx, entity.DeleteParams{}) },
		"ListEntities": func(ctx context.Context) error { _, err := s.ListEntities(ctx, entity.ListParams{}); return err },
		"ExportEntities": func(ctx context.Context) error {
			for _, err := range s.ExportEntities(ctx, "", entity.Everywhere()) {
				return err
			}

			return nil
		},
		"CreateUser":      func(ctx context.Context) error { return s.CreateUser(ctx, user) },
		"GetUser":         func(ctx context.Context) error { _, err := s.GetUser(ctx, "u"); return err },
		"HasUsers":        func(ctx context.Context) error { _, err := s.HasUsers(ctx); return err },
		"CreateSession":   func(ctx context.Context) error { return s.CreateSession(ctx, entity.Session{}) },
		"SessionByToken":  func(ctx context.Context) error { _, _, err := s.SessionByToken(ctx, entity.TokenHash{}); return err },
		"GetSession":      func(ctx context.Context) error { _, err := s.GetSession(ctx, "s"); return err },
		"DeleteSession":   func(ctx context.Context) error { return s.DeleteSession(ctx, "s") },
		"PurgeSessions":   func(ctx context.Context) error { _, err := s.PurgeSessions(ctx); return err },
		"StartImport":     func(ctx context.Context) error { _, err := s.StartImport(ctx, entity.Import{}); return err },
		"GetOperation":    func(ctx context.Context) error { _, err := s.GetOperation(ctx, "o"); return err },
		"CancelOperation": func(ctx context.Context) error { _, err := s.CancelOperation(ctx, "o"); return err },
		"ReceiveImport":   func(ctx context.Context) error { _, err := s.ReceiveImport(ctx); return err },
		"ImportBatch":     func(ctx context.Context) error { return s.ImportBatch(ctx, entity.ImportLease{}, nil) },
		"ReleaseImport":   func(ctx context.Context) error { return s.ReleaseImport(ctx, entity.ImportLease{}) },
		"GetMaintenance":  func(ctx context.Context) error { _, err := s.GetMaintenance(ctx); return err },
		"SetMaintenance":  func(ctx context.Context) error { return s.SetMaintenance(ctx, entity.Maintenance{}) },
	}
	for name, call := range calls {
		err := call(t.Context())
		var failure *entity.Error
		if !errors.As(err, &failure) || failure.Reason != entity.ReasonStoreFailed || failure.Cause == nil {
			t.Errorf("%s: %v", name, err)

			continue
		}
		if failure.Message != "The store failed." || failure.Metadata != nil {
			t.Errorf("%s tells %q %v", name, failure.Message, failure.Metadata)
		}
	}
}

// A new import ends the wait of a worker: it would else go on for an hour here.
func TestImportWakesTheWorker(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Params{ImportPoll: time.Hour})
	for range 3 {
		var group sync.WaitGroup
		group.Go(func() {
			lease, err := s.ReceiveImport(t.Context())
			if err != nil {
				t.Errorf("receive: %v", err)

				return
			}
			err = s.ImportBatch(t.Context(), lease, func(ctx context.Context, tx entity.ImportTx) error {
				op := tx.Operation()
				op.Finish()

				return tx.SaveOperation(ctx, op)
			})
			if err != nil {
				t.Errorf("batch: %v", err)
			}
		})
		if _, err := s.StartImport(t.Context(), entity.Import{}); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	}
}

// A message whose operation is gone is not delivered for ever.
func TestImportWithoutOperation(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Params{ImportPoll: time.Millisecond, ImportTimeout: time.Millisecond})
	if _, err := s.StartImport(t.Context(), entity.Import{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), "DELETE FROM operations"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if lease, err := s.ReceiveImport(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %+v, %v", lease, err)
	}
	if left, err := s.Setting(t.Context(), "user_version"); err != nil || left != "0" {
		t.Errorf("the store is unusable: %s, %v", left, err)
	}
}

// A page is read in the order of an index, and never sorted.
func TestPagePlans(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Params{})
	tests := map[string]struct {
		scope entity.Scope
		want  string
	}{
		"everywhere": {entity.Everywhere(), "SEARCH entities USING INDEX sqlite_autoindex_entities_1 (id>?)"},
		"one group":  {entity.Within("g"), "SEARCH entities USING INDEX entities_by_group (group_name=? AND id>?)"},
		"two groups": {entity.Within("g", "h"), "SEARCH entities USING INDEX sqlite_autoindex_entities_1 (id>?)"},
		"no group":   {entity.Scope{}, "SEARCH entities USING INDEX sqlite_autoindex_entities_1 (id>?)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := s.PagePlan(t.Context(), test.scope)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, plan[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if slices.ContainsFunc(plan, func(step string) bool { return strings.Contains(step, "ORDER BY") }) {
				t.Errorf("it sorts: %v", plan)
			}
		})
	}
}
