package maintenancesvc_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/testing/protocmp"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/maintenancesvc"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Params{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func closeStore(t *testing.T, store *sqlite.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func newService(t *testing.T, store entity.MaintenanceStore) *maintenancesvc.Service {
	t.Helper()
	service, err := maintenancesvc.New(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// as is the context of a call by somebody of the role.
func as(ctx context.Context, role entity.Role) context.Context {
	return interceptor.WithPrincipal(ctx, entity.Principal{Username: "somebody", Role: role})
}

// What an admin sets closes the API at once, and still does after a restart.
func TestMaintenanceOutlivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	for _, set := range []*entityv1.Maintenance{
		{Enabled: true, RetryAfter: 86400, Message: "Back tomorrow."},
		{Enabled: true},
		{Enabled: false, RetryAfter: 30, Message: "For the next time."},
		{Enabled: true, RetryAfter: 30, Message: "For the next time."},
	} {
		store := openStore(t, path)
		service := newService(t, store)
		admin := as(t.Context(), entity.RoleAdmin)
		got, err := service.SetMaintenance(admin, &entityv1.SetMaintenanceRequest{Maintenance: set})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(set, got, protocmp.Transform()); diff != "" {
			t.Errorf("set (-want +got):\n%s", diff)
		}
		before := fmt.Sprint(service.Closed())
		closeStore(t, store)

		store = openStore(t, path)
		service = newService(t, store)
		got, err = service.GetMaintenance(admin, &entityv1.GetMaintenanceRequest{})
		if diff := cmp.Diff(set, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("after a restart: %v (-want +got):\n%s", err, diff)
		}
		if after := fmt.Sprint(service.Closed()); after != before || (service.Closed() == nil) == set.GetEnabled() {
			t.Errorf("closed by %q, and after a restart by %q; enabled: %t", before, after, set.GetEnabled())
		}
		closeStore(t, store)
	}
}

func TestNewStoreIsOpen(t *testing.T) {
	t.Parallel()
	store := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	defer closeStore(t, store)
	if err := newService(t, store).Closed(); err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	store := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	defer closeStore(t, store)
	service := newService(t, store)
	if err := service.Set(t.Context(), entity.Maintenance{Enabled: true, RetryAfter: 90 * time.Second, Message: "Painting."}); err != nil {
		t.Fatal(err)
	}
	want := &entity.Error{
		Kind: entity.KindUnavailable, Reason: entity.ReasonMaintenance, Message: "Painting.", RetryAfter: 90 * time.Second,
		Metadata: map[string]string{"notice": "Painting."},
	}
	if diff := cmp.Diff(want, service.Closed()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := service.Set(t.Context(), entity.Maintenance{}); err != nil || service.Closed() != nil {
		t.Errorf("%v; still closed by %v", err, service.Closed())
	}
}

// Nobody but an admin reads or changes the state, and a refused call changes nothing.
func TestAdminsOnly(t *testing.T) {
	t.Parallel()
	store := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	defer closeStore(t, store)
	service := newService(t, store)
	for _, role := range []entity.Role{entity.RoleEditor, entity.RoleViewer, "", "owner"} {
		ctx := as(t.Context(), role)
		if got, err := service.GetMaintenance(ctx, &entityv1.GetMaintenanceRequest{}); !errors.Is(err, entity.ErrPermission) || got != nil {
			t.Errorf("%q reads %v, %v", role, got, err)
		}
		request := &entityv1.SetMaintenanceRequest{Maintenance: &entityv1.Maintenance{Enabled: true}}
		if got, err := service.SetMaintenance(ctx, request); !errors.Is(err, entity.ErrPermission) || got != nil {
			t.Errorf("%q sets %v, %v", role, got, err)
		}
		if err := service.Closed(); err != nil {
			t.Errorf("%q has closed the API: %v", role, err)
		}
	}
}

// What cannot be stored does not hold either: after a restart it would be gone.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	store := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	service := newService(t, store)
	closeStore(t, store)
	if err := service.Set(t.Context(), entity.Maintenance{Enabled: true}); err == nil || service.Closed() != nil {
		t.Errorf("%v; closed by %v", err, service.Closed())
	}
	request := &entityv1.SetMaintenanceRequest{Maintenance: &entityv1.Maintenance{Enabled: true}}
	if got, err := service.SetMaintenance(as(t.Context(), entity.RoleAdmin), request); err == nil || got != nil || service.Closed() != nil {
		t.Errorf("%v, %v; closed by %v", got, err, service.Closed())
	}
	if _, err := maintenancesvc.New(t.Context(), store); err == nil {
		t.Error("a service without a store")
	}
}

// slow is a store that has stored long before it says so: its first write answers when
// the second is in force, or else when nobody has to wait for that any more.
type slow struct {
	entity.MaintenanceStore

	stored   chan struct{}
	overtook chan struct{}
}

func (s slow) SetMaintenance(ctx context.Context, state entity.Maintenance) error {
	err := s.MaintenanceStore.SetMaintenance(ctx, state)
	if state.Message != "first" {
		return err
	}
	close(s.stored)
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-s.overtook:
	case <-timer.C:
	}
	return err
}

// Of two who set it at once the last one counts, here as in the store.
func TestSetAtOnce(t *testing.T) {
	t.Parallel()
	store := openStore(t, filepath.Join(t.TempDir(), "store.db"))
	defer closeStore(t, store)
	behind := slow{MaintenanceStore: store, stored: make(chan struct{}), overtook: make(chan struct{})}
	service := newService(t, behind)
	set := func(message string) {
		if err := service.Set(t.Context(), entity.Maintenance{Enabled: true, Message: message}); err != nil {
			t.Error(err)
		}
	}
	var group sync.WaitGroup
	group.Go(func() { set("first") })
	group.Go(func() {
		<-behind.stored
		set("second")
		close(behind.overtook)
	})
	group.Wait()
	stored, err := store.GetMaintenance(t.Context())
	if diff := cmp.Diff(stored.Err(), service.Closed()); diff != "" || err != nil {
		t.Errorf("%v; stored (-) and in force (+):\n%s", err, diff)
	}
}
