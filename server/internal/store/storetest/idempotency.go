package storetest

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// claimOf is the claim of a holder for a key; both stand for themselves.
func claimOf(key byte, fingerprint byte, holder string) entity.KeyClaim {
	claim := entity.KeyClaim{Holder: holder, Lease: time.Minute, Lifetime: 24 * time.Hour}
	claim.Key[0], claim.Fingerprint[31] = key, fingerprint

	return claim
}

// checkClaim claims a key and compares what is there.
func checkClaim(t *testing.T, s entity.Store, claim entity.KeyClaim, want entity.KeptKey) {
	t.Helper()
	got, err := s.ClaimKey(t.Context(), claim)
	if err != nil {
		t.Fatalf("claim of %s: %v", claim.Holder, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claim of %s (-want +got):\n%s", claim.Holder, diff)
	}
}

// checklist: IDE-04, IDE-05
func testKeys(t *testing.T, f *fixture) {
	s := f.store(t)
	ctx := t.Context()
	first := claimOf(1, 'a', "first")
	running := entity.KeptKey{Fingerprint: first.Fingerprint}
	mine := entity.KeptKey{Claimed: true}

	checkClaim(t, s, first, mine)
	checkClaim(t, s, claimOf(1, 'a', "second"), running)
	checkClaim(t, s, claimOf(1, 'b', "third"), running)
	checkClaim(t, s, claimOf(2, 'a', "of another key"), mine)

	if err := s.CompleteKey(ctx, claimOf(1, 'a', "second"), []byte("stolen")); !errors.Is(err, entity.ErrKeyLost) {
		t.Errorf("the result of somebody else: %v", err)
	}
	if err := s.ReleaseKey(ctx, claimOf(1, 'a', "second")); err != nil {
		t.Errorf("a release by somebody else: %v", err)
	}
	checkClaim(t, s, claimOf(1, 'a', "fourth"), running)

	result := bytes.Repeat([]byte{0, 1, 0xff, '\''}, 1000)
	if err := s.CompleteKey(ctx, first, result); err != nil {
		t.Fatal(err)
	}
	done := entity.KeptKey{Fingerprint: first.Fingerprint, Result: result}
	checkClaim(t, s, claimOf(1, 'b', "fifth"), done)
	if err := s.CompleteKey(ctx, first, []byte("again")); !errors.Is(err, entity.ErrKeyLost) {
		t.Errorf("a second result: %v", err)
	}
	if err := s.ReleaseKey(ctx, first); err != nil {
		t.Errorf("a release after the result: %v", err)
	}
	checkClaim(t, s, first, done)
	checkClaim(t, f.store(t), claimOf(1, 'a', "after a restart"), done)
}

// A result of no bytes is a result.
func testKeyEmptyResult(t *testing.T, f *fixture) {
	s := f.store(t)
	for key, result := range map[byte][]byte{1: nil, 2: {}} {
		claim := claimOf(key, 'a', "first")
		checkClaim(t, s, claim, entity.KeptKey{Claimed: true})
		if err := s.CompleteKey(t.Context(), claim, result); err != nil {
			t.Fatal(err)
		}
		checkClaim(t, s, claimOf(key, 'a', "second"), entity.KeptKey{Fingerprint: claim.Fingerprint, Result: []byte{}})
	}
}

func testKeyRelease(t *testing.T, f *fixture) {
	s := f.store(t)
	first := claimOf(1, 'a', "first")
	checkClaim(t, s, first, entity.KeptKey{Claimed: true})
	if err := s.ReleaseKey(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := s.CompleteKey(t.Context(), first, []byte("late")); !errors.Is(err, entity.ErrKeyLost) {
		t.Errorf("a result after the release: %v", err)
	}
	checkClaim(t, s, claimOf(1, 'b', "second"), entity.KeptKey{Claimed: true})
	if err := s.ReleaseKey(t.Context(), first); err != nil {
		t.Errorf("a second release: %v", err)
	}
	checkClaim(t, s, first, entity.KeptKey{Fingerprint: claimOf(1, 'b', "").Fingerprint})
}

// A claim whose holder has died is free when its lease is over, to the microsecond.
func testKeyLease(t *testing.T, f *fixture) {
	s := f.store(t)
	first, second := claimOf(1, 'a', "first"), claimOf(1, 'b', "second")
	checkClaim(t, s, first, entity.KeptKey{Claimed: true})
	f.clock.Advance(time.Minute - time.Microsecond)
	checkClaim(t, s, second, entity.KeptKey{Fingerprint: first.Fingerprint})
	f.clock.Advance(time.Microsecond)
	checkClaim(t, s, second, entity.KeptKey{Claimed: true})
	// The first was only slow.
	if err := s.CompleteKey(t.Context(), first, []byte("late")); !errors.Is(err, entity.ErrKeyLost) {
		t.Errorf("a result after the lease: %v", err)
	}
	if err := s.ReleaseKey(t.Context(), first); err != nil {
		t.Error(err)
	}
	checkClaim(t, s, first, entity.KeptKey{Fingerprint: second.Fingerprint})
	// A lease that is over, and which nobody took, still counts.
	f.clock.Advance(time.Hour)
	if err := s.CompleteKey(t.Context(), second, []byte("slow")); err != nil {
		t.Errorf("a result of a lease that nobody wanted: %v", err)
	}
	checkClaim(t, s, first, entity.KeptKey{Fingerprint: second.Fingerprint, Result: []byte("slow")})
}

// checklist: IDE-06
func testKeyLifetime(t *testing.T, f *fixture) {
	s := f.store(t)
	first, second := claimOf(1, 'a', "first"), claimOf(1, 'b', "second")
	checkClaim(t, s, first, entity.KeptKey{Claimed: true})
	if err := s.CompleteKey(t.Context(), first, []byte("done")); err != nil {
		t.Fatal(err)
	}
	done := entity.KeptKey{Fingerprint: first.Fingerprint, Result: []byte("done")}
	f.clock.Advance(24*time.Hour - time.Microsecond)
	checkClaim(t, s, second, done)
	f.clock.Advance(time.Microsecond)
	checkClaim(t, s, second, entity.KeptKey{Claimed: true})
	// Nothing of the first is left.
	checkClaim(t, s, first, entity.KeptKey{Fingerprint: second.Fingerprint})
}

func testKeyPurge(t *testing.T, f *fixture) {
	s := f.store(t)
	ctx := t.Context()
	checkPurge := func(want int) {
		t.Helper()
		if purged, err := s.PurgeKeys(ctx); err != nil || purged != want {
			t.Errorf("purged %d, %v; want %d", purged, err, want)
		}
	}
	kept, dead := claimOf(1, 'a', "kept"), claimOf(2, 'a', "dead")
	for _, claim := range []entity.KeyClaim{kept, dead} {
		checkClaim(t, s, claim, entity.KeptKey{Claimed: true})
	}
	if err := s.CompleteKey(ctx, kept, []byte("done")); err != nil {
		t.Fatal(err)
	}
	checkPurge(0)
	f.clock.Advance(time.Minute)
	checkPurge(1)
	checkClaim(t, s, dead, entity.KeptKey{Claimed: true})
	checkClaim(t, s, kept, entity.KeptKey{Fingerprint: kept.Fingerprint, Result: []byte("done")})
	f.clock.Advance(24*time.Hour - time.Minute)
	checkPurge(2)
	checkPurge(0)
}

// checklist: IDE-04
func testRaceToClaim(t *testing.T, f *fixture) {
	for round, prepare := range []func(entity.Store, byte){
		func(entity.Store, byte) {}, // a new key
		func(s entity.Store, key byte) { // one whose holder died
			checkClaim(t, s, claimOf(key, 'a', "dead"), entity.KeptKey{Claimed: true})
			f.clock.Advance(time.Minute)
		},
	} {
		stores := []entity.Store{f.store(t), f.store(t)}
		key := byte(round + 1)
		prepare(stores[0], key)
		var won atomic.Int32
		var group sync.WaitGroup
		for i := range crowd {
			group.Go(func() {
				kept, err := stores[i%len(stores)].ClaimKey(t.Context(), claimOf(key, 'a', strconv.Itoa(i)))
				if err != nil {
					t.Error(err)
				}
				if kept.Claimed {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("round %d: %d have the key", round, won.Load())
		}
	}
}

func testKeyContext(t *testing.T, f *fixture) {
	s := f.store(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	claim := claimOf(1, 'a', "first")
	_, claimErr := s.ClaimKey(ctx, claim)
	_, purgeErr := s.PurgeKeys(ctx)
	for what, err := range map[string]error{
		"claim": claimErr, "purge": purgeErr, "complete": s.CompleteKey(ctx, claim, nil), "release": s.ReleaseKey(ctx, claim),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	checkClaim(t, s, claim, entity.KeptKey{Claimed: true})
}
