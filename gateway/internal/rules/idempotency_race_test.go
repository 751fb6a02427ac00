package rules_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// checklist: IDE-04
func TestIdempotencyWhileRunning(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	var k *keyed
	k = newKeyed(t, func(w http.ResponseWriter, r *http.Request) error {
		close(started)
		<-finish
		return k.create(w, r)
	})
	var first *httptest.ResponseRecorder
	var group sync.WaitGroup
	group.Go(func() { first = k.attempt(t, creation) })
	<-started
	for range 3 {
		got := k.attempt(t, creation)
		if got.Code != http.StatusConflict || answerReason(t, got) != "IDEMPOTENCY_KEY_IN_USE" || got.Header().Get("Retry-After") != "1" {
			t.Errorf("while running: %d %s, Retry-After %q", got.Code, got.Body, got.Header().Get("Retry-After"))
		}
	}
	// Another payload will not fit later either.
	if got := k.attempt(t, "{}"); answerReason(t, got) != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("another payload while running: %s", got.Body)
	}
	close(finish)
	group.Wait()
	again := k.attempt(t, creation)
	if again.Code != http.StatusCreated || again.Body.String() != first.Body.String() || k.calls.Load() != 1 {
		t.Errorf("afterwards %d %s, and first %d %s", again.Code, again.Body, first.Code, first.Body)
	}
}

// checklist: IDE-04, IDE-05
func TestIdempotencyRace(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	const crowd = 50
	answers := make([]*httptest.ResponseRecorder, crowd)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = k.attempt(t, creation) })
	}
	group.Wait()
	first := 0
	for _, got := range answers {
		switch {
		case got.Code == http.StatusCreated:
			if got.Header().Get("Idempotency-Replayed") == "" {
				first++
			}
			if got.Header().Get("Location") != "/v1/entities/e1" {
				t.Errorf("created %s", got.Header().Get("Location"))
			}
		case got.Code != http.StatusConflict || answerReason(t, got) != "IDEMPOTENCY_KEY_IN_USE":
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if first != 1 || k.calls.Load() != 1 {
		t.Errorf("%d were first, and %d were served", first, k.calls.Load())
	}
}

func TestIdempotencyFreesTheKeyOfAPanic(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { panic("boom") })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		k.attempt(t, creation)
	}()
	if k.store.len() != 0 {
		t.Error("the key is still held")
	}
}

// The result is stored before it is sent, and also for a client that has gone.
func TestIdempotencyKeepsBeforeItSends(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, nil)
	var recorder *httptest.ResponseRecorder
	k.store.settled = func(ctx context.Context) {
		if recorder.Header().Get("Location") != "" || recorder.Body.Len() > 0 {
			t.Error("it is kept after it was sent")
		}
		if deadline, ok := ctx.Deadline(); ctx.Err() != nil || !ok || time.Until(deadline) > idempotency.Lease {
			t.Errorf("it is kept within %v: %v", deadline, ctx.Err())
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	k.backend = func(w http.ResponseWriter, r *http.Request) error {
		recorder, _ = w.(*httptest.ResponseRecorder)
		leave()
		return k.create(w, r)
	}
	k.attempt(t, creation, func(r *http.Request) { *r = *r.WithContext(exchange.With(ctx, exchange.From(r.Context()))) })
	k.store.settled = nil
	if got := k.attempt(t, creation); got.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("what the client missed is not there: %d %s", got.Code, got.Body)
	}
}

// The request that has the key must finish before another can take it.
func TestIdempotencyBoundsTheWork(t *testing.T) {
	t.Parallel()
	var left time.Duration
	k := newKeyed(t, func(_ http.ResponseWriter, r *http.Request) error {
		deadline, _ := r.Context().Deadline()
		left = time.Until(deadline)
		return status.Error(codes.NotFound, "x")
	})
	k.attempt(t, creation)
	if left <= 0 || left >= idempotency.Lease {
		t.Errorf("the work may take %s of a lease of %s", left, idempotency.Lease)
	}
	claim := k.store.claims[0]
	if claim.Lease != idempotency.Lease || claim.Lifetime != 24*time.Hour || claim.Holder == "" {
		t.Errorf("claim %+v", claim)
	}
	k.attempt(t, creation)
	if k.store.claims[1].Holder == claim.Holder {
		t.Error("two claims have one holder")
	}
}

func TestIdempotencyStoreFails(t *testing.T) {
	t.Parallel()
	fails := errors.New("the disk is full")
	t.Run("claim", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, nil)
		k.store.claimErr = status.Error(codes.Unavailable, "busy")
		if got := k.attempt(t, creation); got.Code != http.StatusServiceUnavailable || k.calls.Load() != 0 {
			t.Errorf("%d after %d calls", got.Code, k.calls.Load())
		}
	})
	t.Run("complete", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, nil)
		k.store.completeErr = fails
		if got := k.attempt(t, creation); got.Code != http.StatusCreated {
			t.Errorf("%d: the entity was created", got.Code)
		}
		// Not given back: the work is done, and must not be done again at once.
		if got := k.attempt(t, creation); got.Code != http.StatusConflict || k.calls.Load() != 1 {
			t.Errorf("again %d", got.Code)
		}
		if !strings.Contains(k.log.String(), "step=complete") || !strings.Contains(k.log.String(), "the disk is full") {
			t.Errorf("log: %s", &k.log)
		}
	})
	t.Run("release", func(t *testing.T) {
		t.Parallel()
		k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { return status.Error(codes.Unavailable, "x") })
		k.store.releaseErr = fails
		if got := k.attempt(t, creation); got.Code != http.StatusServiceUnavailable {
			t.Errorf("%d", got.Code)
		}
		if !strings.Contains(k.log.String(), "step=release") {
			t.Errorf("log: %s", &k.log)
		}
	})
	for name, result := range map[string]string{
		"not JSON": "?", "empty object": "{}", "null": "null", "no status": `{"failure":"////"}`,
	} {
		t.Run("result is "+name, func(t *testing.T) {
			t.Parallel()
			k := newKeyed(t, nil)
			k.attempt(t, creation)
			for key, held := range k.store.keys {
				held.result = []byte(result)
				k.store.keys[key] = held
			}
			if got := k.attempt(t, creation); got.Code != http.StatusInternalServerError || k.calls.Load() != 1 {
				t.Errorf("%d %s", got.Code, got.Body)
			}
		})
	}
}

// A body that cannot be read takes no key, and reaches no backend.
func TestIdempotencyOfABrokenBody(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(http.ResponseWriter, *http.Request) error { return nil })
	for range 2 {
		got := k.attempt(t, "", func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"disp`), endingReader{errors.New("cut")}))
		})
		if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "BODY_INCOMPLETE") {
			t.Errorf("%d %s", got.Code, got.Body)
		}
	}
	if k.calls.Load() != 0 || len(k.store.claims) != 0 {
		t.Errorf("%d calls, %d claims", k.calls.Load(), len(k.store.claims))
	}
}

type endingReader struct{ err error }

func (f endingReader) Read([]byte) (int, error) { return 0, f.err }

// If a route has no body, no limit applies to content, and it changes nothing (RFC 9110
// §9.3.1).
func TestIdempotencyReadsNoBodyWithoutARoute(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, func(http.ResponseWriter, *http.Request) error {
		return respond.Fail(policy.ReasonRouteNotFound, "x")
	})
	k.binding.Body = ""
	body := strings.NewReader(creation)
	k.attempt(t, "", func(r *http.Request) { r.Body = io.NopCloser(body) })
	if body.Len() != len(creation) {
		t.Error("the body was read")
	}
	if got := k.attempt(t, "another"); got.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
