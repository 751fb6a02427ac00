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
	// keyTime is the maximum time of a request with a key. It is shorter than the lease, so that no
	// other request can start the same work at the same time.
	keyTime = idempotency.Lease - 10*time.Second
	// settleTime is the maximum time to store the result, which must also happen before the lease
	// ends.
	settleTime = 5 * time.Second
	// keyRetry is when the client should retry if the first request is still running.
	keyRetry = time.Second
	// maxKey is the maximum length of a key, in bytes.
	maxKey = 255
)

// IdempotencyParams configure [Idempotency].
type IdempotencyParams struct {
	// Store stores the responses. Nil means that no method honours a key.
	Store idempotency.Store
	// Responder repeats stored responses.
	Responder *respond.Responder
	// Logger logs a result that could not be stored.
	Logger *slog.Logger
}

// Idempotency executes a request with an Idempotency-Key only once, however often the client sends it
// (draft-ietf-httpapi-idempotency-key-header-06). IdempotencyKey in statusway/v1/annotations.proto
// defines the guarantees. The rule runs close to the backend, so that it does not store the errors of
// the rules before it.
//
// The rule knows the response but not what the backend has done. If a server dies after the backend's
// work and before the response is stored, the key is free again after its lease, and the work may be
// done twice. Only a backend that stores the key in the transaction of its write can prevent that
// (AIP-155).
func Idempotency(p IdempotencyParams, next Rule) Rule {
	k := &keyed{IdempotencyParams: p, next: next}
	return func(ex *exchange.Exchange) error {
		lines := ex.Request.Header["Idempotency-Key"]
		asked := ex.Binding.Method.IdempotencyKey
		switch {
		case ex.Binding.Safe:
			return next(ex) // A safe request is idempotent without a key.
		case len(lines) == 0 && asked == contract.KeyRequired:
			return respond.Fail(policy.ReasonKeyMissing, "this method needs an Idempotency-Key")
		case len(lines) == 0:
			return next(ex)
		case asked == contract.KeyUnsupported || p.Store == nil:
			return respond.Fail(policy.ReasonKeyUnsupported, "this method does not support Idempotency-Key")
		}
		key, err := parseKey(lines)
		if err != nil {
			return err
		}
		return k.serve(ex, key)
	}
}

// parseKey parses a String (RFC 9651 §3.3.3). It ignores parameters, because the draft defines none.
// It refuses a key in two header lines, because parsers treat them differently (§4.2).
func parseKey(lines []string) (string, error) {
	item, err := httpsfv.UnmarshalItem(lines)
	key, isString := item.Value.(string)
	if err == nil && isString && len(lines) == 1 && key != "" && len(key) <= maxKey {
		return key, nil
	}
	const detail = `an Idempotency-Key is 1 to 255 characters in quotes, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"`
	return "", respond.Invalid(detail, &errdetails.BadRequest_FieldViolation{
		Field: "Idempotency-Key", Description: detail, Reason: "MALFORMED_IDEMPOTENCY_KEY",
	}).Because(err)
}

// keyed serves requests with a key.
type keyed struct {
	IdempotencyParams

	next Rule
}

func (k *keyed) serve(ex *exchange.Exchange, key string) error {
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
		return k.execute(ex, claim)
	case kept.Fingerprint != claim.Fingerprint:
		return respond.Fail(policy.ReasonKeyReused, "the Idempotency-Key was sent with another request before")
	case kept.Result == nil:
		return respond.Fail(policy.ReasonKeyInUse, "a request with this Idempotency-Key is still being answered").
			With(&errdetails.RetryInfo{RetryDelay: durationpb.New(keyRetry)})
	default:
		return k.repeat(ex, kept.Result)
	}
}

// execute executes the request that holds the key, and stores the result. It stores a success before
// sending it, so that a client that loses the response can retry and get it.
func (k *keyed) execute(ex *exchange.Exchange, claim idempotency.Claim) error {
	ctx, cancel := context.WithTimeout(ex.Context, keyTime)
	defer cancel()
	ex.Context = ctx
	settled := false
	ex.Keep = func(sent exchange.Sent) {
		settled = true
		k.complete(ctx, claim, outcome{Status: sent.Status, Header: sent.Header, Body: sent.Body})
	}
	defer func() { // also after a panic
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
	if !isTemporary(k.Responder.Render(failure, respond.RequestOf(ex.Request))) {
		settled = true
		k.complete(ctx, claim, failed(failure))
	}
	return err
}

// isTemporary reports whether a retry of the same request may succeed: the failure depends on the
// credentials, the rate of requests or the state of the server, or tells the client when to retry.
// Such a failure is not stored.
func isTemporary(answer respond.Answer) bool {
	switch status := answer.Decision.Status(); status {
	case http.StatusUnauthorized, http.StatusTooManyRequests:
		return true
	default:
		return status >= http.StatusInternalServerError || answer.Header.Get("Retry-After") != ""
	}
}

func (k *keyed) complete(ctx context.Context, claim idempotency.Claim, o outcome) {
	k.settle(ctx, "complete", func(ctx context.Context) error {
		result, err := o.encode()
		if err != nil {
			return err
		}
		return k.Store.Complete(ctx, claim, result)
	})
}

// settle updates the key in the store, even if the client has left. If that fails, the client still
// gets the response, and the key is free after its lease.
func (k *keyed) settle(ctx context.Context, what string, do func(context.Context) error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := do(within); err != nil {
		k.Logger.ErrorContext(ctx, "the store could not update an idempotency key",
			slog.String("step", what), slog.String("requestId", exchange.From(ctx).RequestID), slog.Any("error", err))
	}
}

// repeat sends the stored response. The headers of the current request, such as its id and the
// caller's allowance, are new.
func (k *keyed) repeat(ex *exchange.Exchange, result []byte) error {
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
