package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/statusway/statusway/gateway/idempotency"
)

// memory is a store for a single server.
type memory struct {
	mu   sync.Mutex
	keys map[idempotency.Digest]*entry
}

type entry struct {
	fingerprint idempotency.Digest
	holder      string
	result      []byte
	until       time.Time // the end of the lease, or of the lifetime of the result
}

func (m *memory) Claim(_ context.Context, claim idempotency.Claim) (idempotency.Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.keys[claim.Key]; old != nil && time.Now().Before(old.until) {
		return idempotency.Kept{Fingerprint: old.fingerprint, Result: old.result}, nil
	}
	m.keys[claim.Key] = &entry{fingerprint: claim.Fingerprint, holder: claim.Holder, until: time.Now().Add(claim.Lease)}
	return idempotency.Kept{Claimed: true}, nil
}

func (m *memory) Complete(_ context.Context, claim idempotency.Claim, result []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.keys[claim.Key]
	if held == nil || held.holder != claim.Holder {
		return errors.New("the claim does not hold the key")
	}
	held.result, held.until = result, time.Now().Add(claim.Lifetime)
	return nil
}

func (m *memory) Release(_ context.Context, claim idempotency.Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if held := m.keys[claim.Key]; held != nil && held.holder == claim.Holder {
		delete(m.keys, claim.Key)
	}
	return nil
}

// A store gives a key to the first request that claims it, and later its result to the others.
func ExampleStore() {
	var store idempotency.Store = &memory{keys: map[idempotency.Digest]*entry{}}
	ctx := context.Background()
	first := idempotency.Claim{Key: idempotency.Digest{1}, Holder: "first", Lease: idempotency.Lease, Lifetime: idempotency.Lifetime}
	second := first
	second.Holder = "second"

	kept, err := store.Claim(ctx, first)
	fmt.Println("first:", kept.Claimed, err)
	kept, err = store.Claim(ctx, second)
	fmt.Println("second, while the first runs:", kept.Claimed, kept.Result == nil, err)
	if err := store.Complete(ctx, first, []byte("201 Created")); err != nil {
		fmt.Println(err)
	}
	kept, err = store.Claim(ctx, second)
	fmt.Println("second, afterwards:", kept.Claimed, string(kept.Result), err)
	// Output:
	// first: true <nil>
	// second, while the first runs: false true <nil>
	// second, afterwards: false 201 Created <nil>
}
