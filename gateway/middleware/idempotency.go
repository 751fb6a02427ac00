package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

const (
	// KeyLifetime is how long the answer to a request is kept under its key, from the
	// arrival of the request on.
	KeyLifetime = 24 * time.Hour
	// KeyLease is how long a key is held for a request of which nothing is heard any
	// more, because its server died.
	KeyLease = time.Minute

	// keyTime is how long a request with a key may take. It ends before the lease does,
	// so that nobody else begins the same work beside it.
	keyTime = KeyLease - 10*time.Second
	// settleTime is how long it may take to store what came of a request, which also
	// has to be before the lease ends.
	settleTime = 5 * time.Second
	// keyRetry is when to come back for the answer of a request that is still running.
	keyRetry = time.Second
	// longestKey is the longest key, in bytes.
	longestKey = 255
)

// IdempotencyStore keeps what came of requests under their keys. All servers that
// serve one API need the same one. Its methods are safe for concurrent use.
type IdempotencyStore interface {
	// Claim takes a key in one step, so that of many claims at once one gets it. It
	// gets one that is not there, whose lifetime is over, or that is held without a
	// result beyond its lease. An error means that the request is not served.
	Claim(ctx context.Context, claim Claim) (Kept, error)
	// Complete keeps a result until the lifetime ends. It is an error if the key is no
	// longer held by the claim.
	Complete(ctx context.Context, claim Claim, result []byte) error
	// Release gives the key back, if the claim still holds it, as if it had never been
	// taken.
	Release(ctx context.Context, claim Claim) error
}

// Claim is one request that wants its key.
type Claim struct {
	// Key stands for caller, method, path and key, Fingerprint for all of the request.
	Key, Fingerprint Digest
	// Holder names this claim of the key; no other has the same.
	Holder string
	// Lease and Lifetime count from now: see [KeyLease] and [KeyLifetime].
	Lease, Lifetime time.Duration
}

// Kept is what is under a key.
type Kept struct {
	// Claimed says that it is the claim's own now. Nothing else is set then.
	Claimed bool
	// Fingerprint is of the request that has the key.
	Fingerprint Digest
	// Result is what was given to Complete; nil while the request is still running.
	Result []byte
}

// IdempotencyParams configure [Idempotency].
type IdempotencyParams struct {
	// Store keeps the answers. Nil means that no method honours a key.
	Store IdempotencyStore
	// Responder answers again.
	Responder *respond.Responder
	// Logger is told of a result that could not be kept.
	Logger *slog.Logger
}

// Idempotency has a request with an Idempotency-Key done once, however often it is
// sent (draft-ietf-httpapi-idempotency-key-header-06); IdempotencyKey in
// statusway/v1/annotations.proto says what a client can rely on. It is the last rule
// before the backend, so that what a rule before it answers is never kept, and what
// it answers again is not held up by a condition that held the first time.
//
// It knows what came of a request and not what the backend did. A server that dies
// between the two leaves a key that is free after its lease, and then the work may be
// done twice; only a backend that keeps the key in the transaction of its write could
// do better (AIP-155).
func Idempotency(p IdempotencyParams) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		k := &keeper{IdempotencyParams: p, next: next}
		return func(w http.ResponseWriter, r *http.Request) error {
			lines := r.Header["Idempotency-Key"]
			binding := exchange.From(r.Context()).Binding
			asked := binding.Method.IdempotencyKey
			switch {
			case binding.Safe:
				return next(w, r) // Safe already, so a key promises nothing more.
			case len(lines) == 0 && asked == contract.KeyRequired:
				return respond.Fail(codes.InvalidArgument, mapping.ReasonKeyMissing, "this method needs an Idempotency-Key")
			case len(lines) == 0:
				return next(w, r)
			case asked == contract.KeyUnsupported || p.Store == nil:
				return respond.Fail(codes.InvalidArgument, mapping.ReasonKeyUnsupported, "this method does not honour an Idempotency-Key")
			}
			key, err := parseKey(lines)
			if err != nil {
				return err
			}
			return k.serve(w, r, key)
		}
	}
}

// parseKey reads a String (RFC 9651 §3.3.3). Its parameters, which the draft has none
// of, are ignored. A key in two lines is refused: parsers differ in what they make of
// them (§4.2).
func parseKey(lines []string) (string, error) {
	item, err := httpsfv.UnmarshalItem(lines)
	key, isString := item.Value.(string)
	if err == nil && isString && len(lines) == 1 && key != "" && len(key) <= longestKey {
		return key, nil
	}
	const detail = `an Idempotency-Key is 1 to 255 characters in quotes, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"`
	return "", respond.Invalid(detail, &errdetails.BadRequest_FieldViolation{
		Field: "Idempotency-Key", Description: detail, Reason: "MALFORMED_IDEMPOTENCY_KEY",
	}).Because(err)
}

type keeper struct {
	IdempotencyParams

	next exchange.Handler
}

func (k *keeper) serve(w http.ResponseWriter, r *http.Request, key string) error {
	var body []byte
	if ex := exchange.From(r.Context()); ex.Binding.Body != "" {
		var err error
		if body, err = ex.ReadBody(r); err != nil {
			return respond.BrokenBody(err)
		}
	}
	claim := Claim{
		Key: scope(r, key), Fingerprint: fingerprint(r, body),
		Holder: rand.Text(), Lease: KeyLease, Lifetime: KeyLifetime,
	}
	kept, err := k.Store.Claim(r.Context(), claim)
	switch {
	case err != nil:
		return err
	case kept.Claimed:
		return k.first(w, r, claim)
	case kept.Fingerprint != claim.Fingerprint:
		return respond.Fail(codes.InvalidArgument, mapping.ReasonKeyReused, "the Idempotency-Key was sent with another request before")
	case kept.Result == nil:
		return respond.Fail(codes.Aborted, mapping.ReasonKeyInUse, "a request with this Idempotency-Key is still being answered").
			With(&errdetails.RetryInfo{RetryDelay: durationpb.New(keyRetry)})
	default:
		return k.again(w, r, kept.Result)
	}
}

// first answers the request that has the key, and keeps what comes of it. A success
// is kept before it is sent: a client that does not get it finds it there.
func (k *keeper) first(w http.ResponseWriter, r *http.Request, claim Claim) error {
	ctx, cancel := context.WithTimeout(r.Context(), keyTime)
	defer cancel()
	ex, settled := exchange.From(ctx), false
	ex.Keep = func(sent exchange.Sent) {
		settled = true
		k.complete(ctx, claim, outcome{Status: sent.Status, Header: sent.Header, Body: sent.Body})
	}
	defer func() { // also of a panic
		ex.Keep = nil
		if !settled {
			k.settle(ctx, "release", func(ctx context.Context) error { return k.Store.Release(ctx, claim) })
		}
	}()
	err := k.next(w, r.WithContext(ctx))
	if err == nil || settled {
		return err
	}
	failure := respond.AsFailure(err)
	if !passes(k.Responder.Render(failure, respond.RequestOf(r))) {
		settled = true
		k.complete(ctx, claim, failed(failure))
	}
	return err
}

// passes says whether a failure may be gone the next time: who asks, how often, and
// how the server fares are not of the request, and whoever is told when to come back
// must not get the same again.
func passes(answer respond.Answer) bool {
	switch status := answer.Decision.Status(); status {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return true
	default:
		return status >= http.StatusInternalServerError || answer.Header.Get("Retry-After") != ""
	}
}

func (k *keeper) complete(ctx context.Context, claim Claim, o outcome) {
	k.settle(ctx, "complete", func(ctx context.Context) error {
		result, err := o.encode()
		if err != nil {
			return err
		}
		return k.Store.Complete(ctx, claim, result)
	})
}

// settle stores what came of a request, whoever still waits for it. Where that fails
// the request is answered all the same, and the key is free after its lease.
func (k *keeper) settle(ctx context.Context, what string, do func(context.Context) error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := do(within); err != nil {
		k.Logger.ErrorContext(ctx, "an idempotency key could not be settled",
			slog.String("step", what), slog.String("requestId", exchange.From(ctx).RequestID), slog.Any("error", err))
	}
}

// again answers as the first time. What belongs to a request, such as its id and the
// state of the caller's allowance, is this one's.
func (k *keeper) again(w http.ResponseWriter, r *http.Request, result []byte) error {
	o, failure, err := decodeOutcome(result)
	if err != nil {
		return errors.Join(errBadOutcome, err)
	}
	ex := exchange.From(r.Context())
	ex.Replayed = true
	ex.Fields.Set("Idempotency-Replayed", "true")
	if failure != nil {
		return failure
	}
	return k.Responder.Replay(w, r, exchange.Sent{Status: o.Status, Header: o.Header, Body: o.Body})
}
