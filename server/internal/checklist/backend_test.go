package checklist_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// A backend's metadata reaches nobody unless it is named, whatever its bytes, and
// the one that chooses a status counts only where the method declares that status.
//
// checklist: ALL-08, 201-07, 201-10, ALL-21
func TestMetadataStaysInside(t *testing.T) {
	t.Parallel()
	b := &backend{}
	b.get = func(ctx context.Context, request *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		sent := metadata.Pairs(
			"x-bin", "\x00\x01\x0d\x0a\xff", "x-plain", "visible", "statusway-status", "201", "location", "/elsewhere",
			"etag", `"forged"`, "cache-control", "max-age=60", "content-encoding", "br", "last-modified", "Sun, 06 Nov 1994 08:49:37 GMT",
		)
		if err := grpc.SendHeader(ctx, sent); err != nil {
			return nil, err
		}
		if err := grpc.SetTrailer(ctx, sent); err != nil {
			return nil, err
		}
		if request.GetId() == "none" {
			return nil, status.Error(codes.NotFound, "there is none")
		}
		return &entityv1.Entity{Id: request.GetId(), Etag: "v1"}, nil
	}
	s := b.before(t)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for id, want := range map[string]int{"one": 200, "none": 404} {
			for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
				m := &conformance.Message{Method: method, Target: "/v1/entities/" + id}
				got, err := s.Send(t.Context(), transport, m)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Invariants().Check(m, got); err != nil { // Among it: no field that is not known.
					t.Errorf("%s %s over %s: %v", method, id, transport, err)
				}
				apptest.WantStatus(t, got, want, "")
				apptest.WantHeaders(t, got, map[string]string{
					"Location": "", "Etag": map[int]string{200: `"v1"`}[want], "Cache-Control": map[int]string{200: "no-cache", 404: "no-store"}[want],
					"Content-Encoding": "", "Last-Modified": "",
				})
				for name, values := range got.Header {
					isRaw := func(r rune) bool { return r < ' ' || r > '~' }
					if value := strings.Join(values, ""); strings.ContainsFunc(value, isRaw) || strings.Contains(value, "visible") {
						t.Errorf("%s is %q", name, values)
					}
				}
			}
		}
	}
}

// A backend that has gone is 503 at once, whether it refuses connections or was never
// there, and not a hang.
//
// checklist: 503-03
func TestBackendGone(t *testing.T) {
	t.Parallel()
	b := &backend{get: func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		return &entityv1.Entity{Id: "one"}, nil
	}}
	s := b.before(t)
	apptest.WantStatus(t, s.Do(t, "", apptest.Get("/v1/entities/one")), http.StatusOK, "")
	b.stop()
	began := time.Now()
	for range 3 {
		got := s.Do(t, "", apptest.Get("/v1/entities/one"))
		apptest.WantStatus(t, got, http.StatusServiceUnavailable, "")
		apptest.WantHeaders(t, got, map[string]string{"Retry-After": "5", "Content-Type": "application/problem+json", "Cache-Control": "no-store"})
		if strings.Contains(string(got.Body), b.addr) || strings.Contains(string(got.Body), "dial") {
			t.Errorf("the answer tells of the inside: %s", got.Body)
		}
	}
	if waited := time.Since(began); waited > conformance.ExchangeTimeout/2 {
		t.Errorf("three answers took %s", waited)
	}
	apptest.WantStatus(t, s.Do(t, "", apptest.Get("/healthz")), http.StatusOK, "")
}

// checklist: 503-04, 503-02
func TestDeadlineCancelsTheWork(t *testing.T) {
	t.Parallel()
	begun, cancelled := make(chan struct{}, 8), make(chan struct{}, 8)
	b := &backend{get: func(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
		begun <- struct{}{}
		<-ctx.Done()
		cancelled <- struct{}{}
		return nil, status.FromContextError(ctx.Err()).Err()
	}}
	s := b.before(t)
	for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
		m := &conformance.Message{Method: http.MethodGet, Target: "/v1/entities/one", Headers: [][2]string{{"Grpc-Timeout", "500m"}}}
		got, err := s.Send(t.Context(), transport, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Invariants().Check(m, got); err != nil {
			t.Errorf("%s: %v", transport, err)
		}
		apptest.WantStatus(t, got, http.StatusServiceUnavailable, "")
		apptest.WantHeaders(t, got, map[string]string{"Retry-After": "5"})
		if !strings.Contains(string(got.Body), `"code":"DEADLINE_EXCEEDED"`) {
			t.Errorf("the body is %s", got.Body)
		}
		<-begun
		select {
		case <-cancelled:
		case <-time.After(conformance.ExchangeTimeout):
			t.Fatal("the work goes on")
		}
	}
	// So does a client that leaves.
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = s.Send(ctx, conformance.OverH2C, &conformance.Message{Method: http.MethodGet, Target: "/v1/entities/one"})
	})
	<-begun
	leave()
	group.Wait()
	select {
	case <-cancelled:
	case <-time.After(conformance.ExchangeTimeout):
		t.Fatal("the work goes on after the client has left")
	}
}

// Of two requests under one key the second gets 409 while the first is being answered.
// Which of the two that is, and whether they overlap, is chance: it is tried until
// they do.
//
// checklist: 409-04, IDE-04
func TestKeyInUse(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	entities := make([]any, 200)
	for i := range entities {
		entities[i] = apptest.Named("One of many")
	}
	for attempt := range 100 {
		one := apptest.Post(importURL, map[string]any{"entities": entities}, apptest.IdempotencyKey(fmt.Sprintf("used-%d", attempt)), prefer("wait=5"))
		answers := make([]*conformance.Answer, 2)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() { answers[i] = s.Do(t, "editor", one) })
		}
		group.Wait()
		if t.Failed() {
			return
		}
		conflicts := 0
		for _, got := range answers {
			if got.Status == http.StatusConflict {
				conflicts++
				apptest.WantStatus(t, got, http.StatusConflict, "IDEMPOTENCY_KEY_IN_USE")
				apptest.WantHeaders(t, got, map[string]string{"Retry-After": "1", "Content-Type": "application/problem+json", "Idempotency-Replayed": ""})
			} else if got.Status/100 != 2 {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
		}
		if conflicts == 1 {
			return
		}
	}
	t.Error("no two requests ever overlapped")
}
