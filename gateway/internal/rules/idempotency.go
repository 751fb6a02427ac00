package rules

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

const (
	// keyTime is how long a request with a key may take. It ends before the lease does,
	// so that nobody else begins the same work beside it.
	keyTime = idempotency.Lease - 10*time.Second
	// settleTime is how long it may take to store what came of a request, which also
	// has to be before the lease ends.
	settleTime = 5 * time.Second
	// keyRetry is when to come back for the answer of a request that is still running.
	keyRetry = time.Second
	// longestKey is the longest key, in bytes.
	longestKey = 255
)

// IdempotencyParams configure [Idempotency].
type IdempotencyParams struct {
	// Store keeps the answers. Nil means that no method honours a key.
	Store idempotency.Store
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
func Idempotency(p IdempotencyParams, next Rule) Rule {
	k := &keeper{IdempotencyParams: p, next: next}
	return func(ex *exchange.Exchange) error {
		lines := ex.Request.Header["Idempotency-Key"]
		asked := ex.Binding.Method.IdempotencyKey
		switch {
		case ex.Binding.Safe:
			return next(ex) // A key promises nothing more.
		case len(lines) == 0 && asked == contract.KeyRequired:
			return respond.Fail(policy.ReasonKeyMissing, "this method needs an Idempotency-Key")
		case len(lines) == 0:
			return next(ex)
		case asked == contract.KeyUnsupported || p.Store == nil:
			return respond.Fail(policy.ReasonKeyUnsupported, "this method does not honour an Idempotency-Key")
		}
		key, err := parseKey(lines)
		if err != nil {
			return err
		}
		return k.serve(ex, key)
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

	next Rule
}

func (k *keeper) serve(ex *exchange.Exchange, key string) error {
	var body []byte
	if ex.Binding.Body != "" {
		var err error
		if body, err = ex.ReadBody(ex.Request); err != nil {
			return respond.BrokenBody(err)
		}
	}
	claim := idempotency.Claim{
		Key: scope(ex, key), Fingerprint: fingerprint(ex.Request, body),
		Holder: rand.Text(), Lease: idempotency.Lease, Lifetime: idempotency.Lifetime,
	}
	kept, err := k.Store.Claim(ex.Context, claim)
	switch {
	case err != nil:
		return err
	case kept.Claimed:
		return k.first(ex, claim)
	case kept.Fingerprint != claim.Fingerprint:
		return respond.Fail(policy.ReasonKeyReused, "the Idempotency-Key was sent with another request before")
	case kept.Result == nil:
		return respond.Fail(policy.ReasonKeyInUse, "a request with this Idempotency-Key is still being answered").
			With(&errdetails.RetryInfo{RetryDelay: durationpb.New(keyRetry)})
	default:
		return k.again(ex, kept.Result)
	}
}

// first answers the request that has the key, and keeps what comes of it. A success
// is kept before it is sent: a client that does not get it finds it there.
func (k *keeper) first(ex *exchange.Exchange, claim idempotency.Claim) error {
	ctx, cancel := context.WithTimeout(ex.Context, keyTime)
	defer cancel()
	ex.Context = ctx
	settled := false
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
	err := k.next(ex)
	if err == nil || settled {
		return err
	}
	failure := respond.AsFailure(err)
	if !passes(k.Responder.Render(failure, respond.RequestOf(ex.Request))) {
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

func (k *keeper) complete(ctx context.Context, claim idempotency.Claim, o outcome) {
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
func (k *keeper) again(ex *exchange.Exchange, result []byte) error {
	o, failure, err := decodeOutcome(result)
	if err != nil {
		return errors.Join(errBadOutcome, err)
	}
	ex.Replayed = true
	ex.Fields.Set("Idempotency-Replayed", "true")
	if failure != nil {
		return failure
	}
	return k.Responder.Replay(ex.Writer, ex.Request, exchange.Sent{Status: o.Status, Header: o.Header, Body: o.Body})
}
