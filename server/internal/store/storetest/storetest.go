// Package storetest is what every store must do: one suite, called by the tests
// of each. A rule that only one store keeps is not a rule.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/entity"
)

// crowd is how many callers race for one thing.
const crowd = 20

// Params configures how to open a store for one test.
type Params struct {
	// Dir is an empty folder of the test's own. Stores that are opened with the same
	// Dir hold the same data, also at the same time.
	Dir string
	// Now is the clock.
	Now func() time.Time
	// ImportTimeout is how long a lease lasts.
	ImportTimeout time.Duration
}

// Open opens a store. It fails the test by itself, and leaves the closing to the
// suite.
type Open func(t *testing.T, p Params) entity.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	tests := map[string]func(*testing.T, *fixture){
		"create":                     testCreate,
		"create checks":              testCreateChecks,
		"get":                        testGet,
		"put":                        testPut,
		"put and groups":             testPutGroups,
		"update":                     testUpdate,
		"update checks":              testUpdateChecks,
		"delete":                     testDelete,
		"identifiers":                testIdentifiers,
		"attributes":                 testAttributes,
		"versions are never reused":  testVersions,
		"versions outlive the clock": testVersionsWithoutClock,
		"conditions":                 testConditions,
		"conditions come last":       testConditionOrder,
		"condition by time":          testUnmodifiedSince,
		"race to create":             testRaceToCreate,
		"race to put":                testRaceToPut,
		"race to replace":            testRaceToReplace,
		"race by etag":               testRaceByETag,
		"race to patch":              testRaceToPatch,
		"race to delete":             testRaceToDelete,
		"race to move":               testRaceToMove,
		"pages":                      testPages,
		"page sizes":                 testPageSizes,
		"pages of large entities":    testLargePages,
		"page order":                 testPageOrder,
		"page scope":                 testPageScope,
		"page tokens":                testPageTokens,
		"page etag":                  testPageETag,
		"export":                     testExport,
		"export and writes":          testExportAmidWrites,
		"export errors":              testExportErrors,
		"users":                      testUsers,
		"sessions":                   testSessions,
		"session expiry":             testSessionExpiry,
		"session purge":              testSessionPurge,
		"idempotency keys":           testKeys,
		"idempotency key, no bytes":  testKeyEmptyResult,
		"idempotency key release":    testKeyRelease,
		"idempotency key lease":      testKeyLease,
		"idempotency key lifetime":   testKeyLifetime,
		"idempotency key purge":      testKeyPurge,
		"idempotency key context":    testKeyContext,
		"race to claim a key":        testRaceToClaim,
		"maintenance":                testMaintenance,
		"reopen":                     testReopen,
		"context":                    testContext,
		"operations":                 testOperations,
		"operation cancel":           testOperationCancel,
		"import":                     testImport,
		"import failures":            testImportFailures,
		"import rights":              testImportRights,
		"import outcome":             testImportOutcome,
		"import crash":               testImportCrash,
		"import crash at the end":    testImportCrashAtTheEnd,
		"import panic":               testImportPanic,
		"import worker dies":         testImportContext,
		"import lease":               testImportLease,
		"import extend":              testImportExtend,
		"import release":             testImportRelease,
		"import reopen":              testImportReopen,
		"import cancel":              testImportCancel,
		"import queue":               testImportQueue,
		"import race":                testImportRace,
		"import backlog":             testImportBacklog,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{
				open:  open,
				dir:   t.TempDir(),
				clock: &clock{now: time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC)},
				lease: time.Minute,
			}
			test(t, f)
		})
	}
}

// fixture makes the stores of one test.
type fixture struct {
	open  Open
	dir   string
	clock *clock
	// lease is for the stores that are opened after it was set.
	lease time.Duration
}

// store opens a store and closes it when the test ends.
func (f *fixture) store(t *testing.T) entity.Store {
	t.Helper()
	s := f.open(t, Params{Dir: f.dir, Now: f.clock.Now, ImportTimeout: f.lease})
	var once sync.Once
	t.Cleanup(func() {
		once.Do(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	})

	return s
}

// clock stands still until it is moved.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

// Now returns the time.
func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()

	return c.now
}

// Advance moves the clock; a negative step moves it back.
func (c *clock) Advance(step time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(step)
}

// sample returns an entity that can be stored.
func sample(id, group string) entity.Entity {
	return entity.Entity{ID: id, DisplayName: "Name of " + id, Group: group, Attributes: map[string]any{}}
}

func mustCreate(t *testing.T, s entity.Store, e entity.Entity) entity.Entity {
	t.Helper()
	created, err := s.CreateEntity(t.Context(), e, entity.Everywhere())
	if err != nil {
		t.Fatalf("create %q: %v", e.ID, err)
	}

	return created
}

func mustGet(t *testing.T, s entity.Store, id string) entity.Entity {
	t.Helper()
	found, err := s.GetEntity(t.Context(), id, entity.Everywhere())
	if err != nil {
		t.Fatalf("get %q: %v", id, err)
	}

	return found
}

// wantReason fails unless err is an *entity.Error of this reason; "" wants none.
func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	if got := reasonOf(err); got != reason {
		t.Errorf("got %q (%v), want %q", got, err, reason)
	}
}

// reasonOf returns "" for nil, and what the error says for one without a reason.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	if failure, ok := errors.AsType[*entity.Error](err); ok {
		return failure.Reason
	}

	return err.Error()
}

// race calls do from a crowd at once, and returns how often each reason came out.
func race(do func(i int) error) map[string]int {
	var group sync.WaitGroup
	var mutex sync.Mutex
	start := make(chan struct{})
	outcomes := map[string]int{}
	for i := range crowd {
		group.Go(func() {
			<-start
			reason := reasonOf(do(i))
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[reason]++
		})
	}
	close(start)
	group.Wait()

	return outcomes
}

func testContext(t *testing.T, f *fixture) {
	s := f.store(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"get":    func() error { _, err := s.GetEntity(ctx, "a", entity.Everywhere()); return err },
		"create": func() error { _, err := s.CreateEntity(ctx, sample("a", "g"), entity.Everywhere()); return err },
		"list":   func() error { _, err := s.ListEntities(ctx, entity.ListParams{Scope: entity.Everywhere()}); return err },
		"import": func() error { _, err := s.StartImport(ctx, entity.Import{}); return err },
		"ping":   func() error { return s.Ping(ctx) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the context's error", name, err)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	_, err := s.GetEntity(t.Context(), "a", entity.Everywhere())
	wantReason(t, err, entity.ReasonEntityNotFound)
}
