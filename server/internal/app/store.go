package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/store/sqlite"
	"github.com/statusway/statusway/server/internal/tour"
)

// Start contains what a start has set up, for the person who started the program.
type Start struct {
	// AdminPassword is that of the user admin, if this start created it. It is kept
	// nowhere.
	AdminPassword string
	// DemoToken is an access token of the user editor, in a demo.
	DemoToken string
	// DemoETag is the entity-tag of the sample entity "teapot", in a demo.
	DemoETag string
}

const (
	admin        = "admin"
	demoPassword = "demo"
	demoGroup    = "kitchen"
	demoTeapot   = "teapot"
)

func (a *App) openStore(ctx context.Context) error {
	folder := a.params.Config.DataDir
	if a.params.Config.Demo {
		var err error
		if folder, err = a.temporary(); err != nil {
			return err
		}
	}
	store, err := sqlite.Open(ctx, sqlite.Params{
		Path: filepath.Join(folder, "statusway.db"), Now: a.params.Now, Readers: sqlite.DefaultReaders,
		BusyTimeout: sqlite.DefaultBusyTimeout, ImportTimeout: sqlite.DefaultImportTimeout, ImportPoll: sqlite.DefaultImportPoll,
	})
	if err != nil {
		return fmt.Errorf("opening the store in the folder of --data-dir: %w", err)
	}
	a.store = store
	a.closers = append(a.closers, store.Close)
	return nil
}

// firstStart creates the users of an empty store, and applies --maintenance.
func (a *App) firstStart(ctx context.Context) error {
	if a.params.Config.Maintenance {
		if err := a.services.maintenance.Set(ctx, entity.Maintenance{Enabled: true}); err != nil {
			return err
		}
	}
	if a.params.Config.Demo {
		return a.demo(ctx)
	}
	has, err := a.store.HasUsers(ctx)
	if err != nil || has {
		return err
	}
	password := rand.Text()
	if err := a.user(ctx, entity.User{Name: admin, Role: entity.RoleAdmin, Groups: []string{"default"}}, password); err != nil {
		return err
	}
	a.Start.AdminPassword = password
	return nil
}

func (a *App) user(ctx context.Context, user entity.User, password string) error {
	hash, err := entity.HashPassword(password, a.params.HashCost)
	if err != nil {
		return err
	}
	user.PasswordHash = hash
	return a.store.CreateUser(ctx, user)
}

// has returns what a tour finds on this server.
func (a *App) has() tour.Needs {
	if a.params.Config.Demo {
		return tour.DemoData
	}
	return tour.ReferenceAPI
}

// demo fills the temporary store with the data of the README's examples.
func (a *App) demo(ctx context.Context) error {
	for _, user := range []entity.User{
		{Name: "viewer", Role: entity.RoleViewer, Groups: []string{demoGroup}},
		{Name: "editor", Role: entity.RoleEditor, Groups: []string{demoGroup}},
		{Name: admin, Role: entity.RoleAdmin, Groups: []string{demoGroup}},
	} {
		if err := a.user(ctx, user, demoPassword); err != nil {
			return err
		}
	}
	for _, one := range []entity.Entity{
		{ID: demoTeapot, DisplayName: "A short and stout teapot", Group: demoGroup, Attributes: map[string]any{"capacity": 1.5, "material": "clay"}},
		{ID: "kettle", DisplayName: "A kettle", Group: demoGroup, Attributes: map[string]any{"electric": true}},
		{ID: "cup", DisplayName: "A cup", Group: demoGroup},
		{ID: "ledger", DisplayName: "A ledger that the kitchen may not see", Group: "accounts"},
	} {
		stored, err := a.store.CreateEntity(ctx, one, entity.Everywhere())
		if err != nil {
			return err
		}
		if one.ID == demoTeapot {
			a.Start.DemoETag = stored.ETag()
		}
	}
	session, token := entity.NewSession("editor", a.params.Now().Add(a.params.Config.SessionTTL))
	a.Start.DemoToken = token
	return a.store.CreateSession(ctx, session)
}
