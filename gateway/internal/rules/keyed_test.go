package rules_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// keyStore is an IdempotencyStore in memory, and can be told to fail.
type keyStore struct {
	mu   sync.Mutex
	keys map[idempotency.Digest]heldKey

	claimErr, completeErr, releaseErr error
	// settled is called before a Complete or Release does anything.
	settled func(ctx context.Context)
	claims  []idempotency.Claim
}

type heldKey struct {
	claim  idempotency.Claim
	result []byte
}

func newKeyStore() *keyStore { return &keyStore{keys: map[idempotency.Digest]heldKey{}} }

func (s *keyStore) Claim(_ context.Context, claim idempotency.Claim) (idempotency.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, claim)
	if s.claimErr != nil {
		return idempotency.Kept{}, s.claimErr
	}
	held, ok := s.keys[claim.Key]
	if !ok {
		s.keys[claim.Key] = heldKey{claim: claim}
		return idempotency.Kept{Claimed: true}, nil
	}
	return idempotency.Kept{Fingerprint: held.claim.Fingerprint, Result: held.result}, nil
}

func (s *keyStore) Complete(ctx context.Context, claim idempotency.Claim, result []byte) error {
	return s.settle(ctx, claim, s.completeErr, func() { s.keys[claim.Key] = heldKey{claim: claim, result: bytes.Clone(result)} })
}

func (s *keyStore) Release(ctx context.Context, claim idempotency.Claim) error {
	return s.settle(ctx, claim, s.releaseErr, func() { delete(s.keys, claim.Key) })
}

func (s *keyStore) settle(ctx context.Context, claim idempotency.Claim, fails error, do func()) error {
	if s.settled != nil {
		s.settled(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fails != nil {
		return fails
	}
	if s.keys[claim.Key].claim.Holder != claim.Holder {
		return errors.New("the key is somebody else's")
	}
	do()
	return ctx.Err()
}

func (s *keyStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// keyed is the rule with a backend behind it.
type keyed struct {
	store     *keyStore
	responder *respond.Responder
	log       bytes.Buffer
	binding   *contract.Binding
	backend   exchange.Handler
	calls     atomic.Int64
	handler   exchange.Handler
}

// newKeyed is the rule before a backend that creates an entity, or what backend does.
func newKeyed(t *testing.T, backend exchange.Handler) *keyed {
	t.Helper()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	k := &keyed{store: newKeyStore(), binding: methodNamed(t, "CreateEntity"), backend: backend}
	logger := slog.New(slog.NewTextHandler(&k.log, nil))
	if k.responder, err = respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com"}); err != nil {
		t.Fatal(err)
	}
	if k.backend == nil {
		k.backend = k.create
	}
	k.handler = idempotent(rules.IdempotencyParams{Store: k.store, Responder: k.responder, Logger: logger})(
		func(w http.ResponseWriter, r *http.Request) error {
			k.calls.Add(1)
			return k.backend(w, r)
		},
	)
	return k
}

// methodNamed is a copy of a method of the reference API, with its first route.
func methodNamed(t *testing.T, name string) *contract.Binding {
	t.Helper()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto, entityv1.File_entity_v1_session_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range declared.Methods {
		if string(method.Descriptor.Name()) == name {
			own, binding := *method, *method.Bindings[0]
			binding.Method = &own
			return &binding
		}
	}
	t.Fatalf("there is no method %s", name)
	return nil
}

// create returns an entity whose id is the number of the call.
func (k *keyed) create(w http.ResponseWriter, r *http.Request) error {
	if _, err := io.ReadAll(r.Body); err != nil {
		return err
	}
	id := "e" + string(rune('0'+k.calls.Load()))
	return k.responder.Reply(w, r, respond.Reply{Message: &entityv1.Entity{Id: id, Etag: "7"}})
}

const (
	creation = `{"displayName":"A pot"}`
	keyOne   = `"8e03978e"`
)

// attempt returns a request with the key keyOne, changed by edit.
func (k *keyed) attempt(t *testing.T, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/entities", strings.NewReader(body))
	request.Header.Set("Idempotency-Key", keyOne)
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	request, ex := exchange.Begin(recorder, request)
	ex.Binding, ex.Caller = k.binding, "user:editor"
	for _, one := range edit {
		one(request)
	}
	if err := k.handler(recorder, request); err != nil {
		k.responder.Error(recorder, request, err)
	}
	return recorder
}

func withLine(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

func asCaller(name string) func(*http.Request) {
	return func(r *http.Request) { exchange.From(r.Context()).Caller = name }
}

// answerReason returns the reason of a problem; empty for a success.
func answerReason(t *testing.T, got *httptest.ResponseRecorder) string {
	t.Helper()
	var problem struct {
		Reason string `json:"reason"`
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	if got.Body.Len() > 0 {
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil {
			t.Fatalf("%v: %s", err, got.Body)
		}
	}
	if len(problem.Errors) > 0 {
		return problem.Errors[0].Reason
	}
	return problem.Reason
}
