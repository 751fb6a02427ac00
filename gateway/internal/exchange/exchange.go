// Package exchange holds the state of one request: the rules fill it in, the backend and the responder
// read it. The gateway stores it in the request's context.
package exchange

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/observe"
)

// Handler serves a request. If it returns an error, it has written nothing. Only the caller of the
// outermost handler turns the error into a response.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Exchange is the state of one request. Only the request's goroutine may use it, except
// [Exchange.MarkCause], LargestSent and [Incoming.MarkEnd].
type Exchange struct {
	observe.Record

	// Writer and Request come from net/http. The request's context ends when the client leaves.
	Writer  http.ResponseWriter
	Request *http.Request
	// Context is the context of the call: the request's context with the user and the deadline. It
	// also ends when the server stops.
	Context context.Context //nolint:containedctx // an exchange is one request, and ends with it.

	// Trace is the trace of the request, or nil without tracing.
	Trace observe.Trace
	// Groups are the groups of the user, for limits per group.
	Groups []string
	// Malformed is the error of a request that is not well-formed HTTP or too large, or nil. The rule
	// WellFormed returns it, after the limits have counted the request.
	Malformed error
	// Unidentified is the error of [identity.Identify], or nil. It fails the request only if the
	// method needs credentials.
	Unidentified error

	// Prefix is the path prefix under which clients reach the API, such as "/api". It is empty if
	// the API is at the root. Links to the API begin with it.
	Prefix string

	// Binding is the route that the request matches. It is nil before Match and for pages.
	Binding *contract.Binding
	// Unrouted is the error of a request without a route, or nil. The rule Routed returns it, after
	// the limits have counted the request.
	Unrouted error
	// Preflight reports whether the request is a CORS preflight of an allowed origin. Then it
	// matches no route.
	Preflight bool
	// Params are the values of the path variables, Query are the query parameters.
	Params []route.Param
	Query  []contract.Parameter
	// Accept is the request's Accept header; nil if there is none.
	Accept []rfc9110.MediaRange
	// Unreadable is the error of a malformed Accept header, or nil. The rule Negotiate returns it.
	Unreadable error
	// Unacceptable is the error of a request that accepts no media type of the route's success, or
	// nil. A safe request gets it in place of a success, so that its other errors come first.
	Unacceptable error
	// Conditions are the request's preconditions.
	Conditions rfc9110.Preconditions
	// Prefer are the request's preferences that its method honours.
	Prefer rfc9110.Preferences

	// Fields are the headers of every response to the request, success or error. The responder
	// adds the headers of the particular response.
	Fields http.Header

	// Incoming is the request's body, Outgoing the response.
	Incoming Incoming
	Outgoing Outgoing
	// LargestSent is the size of the largest message of a client stream that was sent to the backend, in
	// bytes. The goroutine that reads the body sets it.
	LargestSent atomic.Int64
	// Call is the state of the backend's call. Only the backend uses it.
	Call any
	// Counted reports whether the request counts as a concurrent request of its caller.
	Counted bool
	// Slot is the slot of a stream; nil if it needs none.
	Slot Slot

	// Keep is called with a success just before it is sent. It may be nil.
	Keep func(Sent)

	// client ends when the client leaves, and for no other reason: rules and hooks may end the
	// contexts that they derive from it.
	client context.Context //nolint:containedctx // as Context.
	cause  atomic.Pointer[error]
	// first holds the values of the first Fields, in one array to save allocations.
	first [4]string
}

// Sent is a response without [Exchange].Fields, which belong to one request.
type Sent struct {
	Status int
	Header http.Header
	Body   []byte
}

// Fail records the failure of the request. fault reports whether the server caused it; it did not if the
// client has left by now. A client that leaves later, with the whole response, has lost nothing.
func (e *Exchange) Fail(err error, code int32, fault bool) {
	e.Failure, e.Code = err, code
	e.ClientClosed = e.client != nil && errors.Is(e.client.Err(), context.Canceled)
	e.Fault = fault && !e.ClientClosed
}

// MarkCause records why a service in this process failed, because the Go errors of the service do not
// cross the call. The first cause counts. Any goroutine may call it.
func (e *Exchange) MarkCause(cause error) { e.cause.CompareAndSwap(nil, &cause) }

// Cause returns the error from MarkCause, or nil.
func (e *Exchange) Cause() error {
	if cause := e.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

type contextKey struct{}

// With returns a context that carries e.
func With(ctx context.Context, e *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, e)
}

// From returns the exchange that ctx carries. Outside a gateway it returns an empty exchange, so that
// a handler also works alone.
func From(ctx context.Context) *Exchange {
	if e, ok := ctx.Value(contextKey{}).(*Exchange); ok {
		return e
	}
	return &Exchange{Fields: http.Header{}}
}
