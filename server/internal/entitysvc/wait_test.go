package entitysvc_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/entitysvc"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// importing is a store whose one import ends at a given time.
type importing struct {
	entitysvc.Store

	ends  time.Time // never, if zero
	fails bool      // the store cannot be read
	looks int
}

func (s *importing) StartImport(context.Context, entity.Import) (entity.Operation, error) {
	return entity.Operation{ID: "o", State: entity.StateRunning}, nil
}

func (s *importing) GetOperation(ctx context.Context, id string) (entity.Operation, error) {
	s.looks++
	if s.fails || ctx.Err() != nil {
		return entity.Operation{}, errors.Join(errors.New("it cannot be read"), ctx.Err())
	}
	if s.ends.IsZero() || time.Now().Before(s.ends) {
		return entity.Operation{ID: id, State: entity.StateRunning}, nil
	}
	return entity.Operation{ID: id, State: entity.StateSucceeded}, nil
}

// sentHeader keeps what a handler sends as header.
type sentHeader struct {
	grpc.ServerTransportStream

	md metadata.MD
}

func (s *sentHeader) SetHeader(md metadata.MD) error {
	s.md = metadata.Join(s.md, md)
	return nil
}

// startImport calls ImportEntities with prefer-wait, and returns whether the operation
// has ended, the status that was chosen and how long it took.
func startImport(ctx context.Context, t *testing.T, service *entitysvc.Service, wait ...string) (bool, string, time.Duration) {
	t.Helper()
	header := &sentHeader{}
	ctx = interceptor.WithPrincipal(ctx, entity.Principal{Username: "editor", Role: entity.RoleEditor, Groups: []string{"kitchen"}})
	ctx = grpc.NewContextWithServerTransportStream(ctx, header)
	ctx = metadata.NewIncomingContext(ctx, metadata.MD{"prefer-wait": wait})
	begin := time.Now()
	operation, err := service.ImportEntities(ctx, &entityv1.ImportEntitiesRequest{Entities: []*entityv1.Entity{{DisplayName: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	chosen := ""
	if values := header.md.Get("statusway-status"); len(values) > 0 {
		chosen = values[0]
	}
	return operation.GetDone(), chosen, time.Since(begin)
}

// checklist: PRE-06
func TestImportWaits(t *testing.T) {
	t.Parallel()
	const never = time.Duration(-1)
	const slack = 200 * time.Millisecond // of the pause between two looks
	for name, test := range map[string]struct {
		wait  []string
		ends  time.Duration
		fails bool
		done  bool
		takes time.Duration
	}{
		"no wait":                 {nil, 0, false, false, 0},
		"wait of nothing":         {[]string{"0"}, 0, false, false, 0},
		"no number":               {[]string{"soon"}, 0, false, false, 0},
		"empty":                   {[]string{""}, 0, false, false, 0},
		"negative":                {[]string{"-5"}, 0, false, false, 0},
		"fraction":                {[]string{"1.5"}, 0, false, false, 0},
		"larger than a number":    {[]string{"99999999999999999999"}, 0, false, false, 0},
		"ended at once":           {[]string{"10"}, 0, false, true, 0},
		"ends in time":            {[]string{"10"}, 3 * time.Second, false, true, 3 * time.Second},
		"ends at the last look":   {[]string{"10"}, 10 * time.Second, false, true, 10 * time.Second},
		"ends too late":           {[]string{"10"}, 10*time.Second + time.Millisecond, false, false, 10 * time.Second},
		"never ends":              {[]string{"10"}, never, false, false, 10 * time.Second},
		"longest":                 {[]string{"30"}, never, false, false, 30 * time.Second},
		"longer than the longest": {[]string{"31"}, never, false, false, 30 * time.Second},
		"centuries":               {[]string{"2147483647"}, never, false, false, 30 * time.Second},
		"the first counts":        {[]string{"1", "20"}, never, false, false, time.Second},
		"it cannot be looked at":  {[]string{"5"}, 0, true, false, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &importing{fails: test.fails}
				if test.ends != never {
					store.ends = time.Now().Add(test.ends)
				}
				done, chosen, took := startImport(t.Context(), t, entitysvc.New(store), test.wait...)
				if done != test.done || (chosen == "200") != test.done || (chosen != "") != test.done {
					t.Errorf("done %t, status %q; want done %t", done, chosen, test.done)
				}
				if took < test.takes || took > test.takes+slack {
					t.Errorf("it took %s, want %s", took, test.takes)
				}
				if test.takes == 0 && !test.done && store.looks > 0 {
					t.Error("it was looked at without a wait")
				}
			})
		})
	}
}

// Whoever has gone is not waited for, and the import goes on.
func TestImportWaitEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithTimeout(t.Context(), 2*time.Second)
		defer leave()
		done, _, took := startImport(ctx, t, entitysvc.New(&importing{}), "20")
		if done || took != 2*time.Second {
			t.Errorf("done %t after %s", done, took)
		}
	})
}

// A server that stops lets nobody wait, neither now nor later.
func TestEndWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := entitysvc.New(&importing{})
		time.AfterFunc(3*time.Second, func() {
			service.EndWaits()
			service.EndWaits()
		})
		if done, _, took := startImport(t.Context(), t, service, "20"); done || took != 3*time.Second {
			t.Errorf("done %t after %s", done, took)
		}
		if done, _, took := startImport(t.Context(), t, service, "20"); done || took != 0 {
			t.Errorf("afterwards: done %t after %s", done, took)
		}
	})
}
