package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

// Whatever keeps the storage from writing is one failure that passes, for everything that
// writes. Reads go on, and it ends by itself.
func TestNotWritable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ begin, end string }{
		"full":      {"PRAGMA max_page_count=1", "PRAGMA max_page_count=1000000"}, // SQLITE_FULL; 1 means as many as there are.
		"read-only": {"PRAGMA query_only=1", "PRAGMA query_only=0"},               // SQLITE_READONLY
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, sqlite.Params{})
			big := entity.Entity{ID: "big", DisplayName: "Big", Group: "g", Attributes: map[string]any{"text": string(make([]byte, 100_000))}}
			if err := s.WriteFailure(); err != nil {
				t.Fatal(err)
			}
			if err := s.CreateUser(t.Context(), entity.User{Name: "u", Role: entity.RoleAdmin, PasswordHash: "x"}); err != nil {
				t.Fatal(err)
			}
			if err := s.Write(t.Context(), test.begin); err != nil {
				t.Fatal(err)
			}
			_, err := s.CreateEntity(t.Context(), big, entity.Everywhere())
			wantNotWritable(t, "CreateEntity", err, entity.ReasonStoreNotWritable)
			wantNotWritable(t, "WriteFailure", s.WriteFailure(), entity.ReasonStoreNotWritable)
			_, err = s.StartImport(t.Context(), entity.Import{Owner: "u", Scope: entity.Everywhere(), Entities: []entity.Entity{big}})
			wantNotWritable(t, "StartImport", err, entity.ReasonStoreNotWritable)
			var claim entity.KeyClaim
			if name == "read-only" { // There is room for something small on a disk that is full for something large.
				wantNotWritable(t, "CreateSession", s.CreateSession(t.Context(), entity.Session{ID: "s", Username: "u"}), entity.ReasonStoreNotWritable)
				wantNotWritable(t, "SetMaintenance", s.SetMaintenance(t.Context(), entity.Maintenance{}), entity.ReasonStoreNotWritable)
				_, err = s.ClaimKey(t.Context(), claim)
				wantNotWritable(t, "ClaimKey", err, entity.ReasonStoreNotWritable)
				_, err = s.PurgeKeys(t.Context()) // It changes nothing, and proves nothing.
				wantNotWritable(t, "PurgeKeys", err, entity.ReasonStoreNotWritable)
			} else {
				claim.Lifetime = time.Hour
				if _, err := s.ClaimKey(t.Context(), claim); err != nil {
					t.Fatal(err)
				}
				wantNotWritable(t, "CompleteKey", s.CompleteKey(t.Context(), claim, make([]byte, 100_000)), entity.ReasonStoreNotWritable)
			}
			if _, err := s.GetUser(t.Context(), "u"); err != nil {
				t.Errorf("a read: %v", err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("a read: %v", err)
			}

			if err := s.Write(t.Context(), test.end); err != nil {
				t.Fatal(err)
			}
			if _, err := s.PurgeKeys(t.Context()); err != nil { // as the worker of the imports asks for work
				t.Error(err)
			}
			if err := s.WriteFailure(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if _, err := s.CreateEntity(t.Context(), big, entity.Everywhere()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func wantNotWritable(t *testing.T, what string, err error, reason string) {
	t.Helper()
	var failure *entity.Error
	if !errors.As(err, &failure) || failure.Reason != reason || failure.RetryAfter <= 0 || failure.Cause == nil || !errors.Is(err, entity.ErrNotWritable) {
		t.Errorf("%s: %v, want %s", what, err, reason)
	}
}

// While another process has the lock, writes wait for it side by side and not one after
// the other.
func TestBusyForMany(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, sqlite.Params{Path: path, BusyTimeout: timeout})
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	const writers = 20
	begin := time.Now()
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			wantNotWritable(t, "SetMaintenance", s.SetMaintenance(context.Background(), entity.Maintenance{}), entity.ReasonStoreBusy)
		})
	}
	group.Wait()
	if took := time.Since(begin); took > writers*timeout/2 {
		t.Errorf("%d writes took %s", writers, took)
	}
	wantNotWritable(t, "WriteFailure", s.WriteFailure(), entity.ReasonStoreBusy)
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetMaintenance(t.Context(), entity.Maintenance{}); err != nil || s.WriteFailure() != nil {
		t.Errorf("afterwards: %v, %v", err, s.WriteFailure())
	}
}

// A database file without content has lost its data: it is not a first start.
func TestOpenEmpty(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), sqlite.Params{Path: path}); !errors.Is(err, sqlite.ErrEmpty) || s != nil {
		t.Errorf("got %v, %v", s, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// A first start that was stopped leaves nothing that the next start refuses.
func TestOpenAfterAStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := sqlite.Open(ctx, sqlite.Params{Path: path}); err == nil || s != nil {
		t.Fatalf("got %v, %v", s, err)
	}
	open(t, sqlite.Params{Path: path})
}
