// Package exchange holds what is known of one request while it is answered: the
// middleware fill it in, the backend and the responder read it. It is the one value
// that travels in the request's context.
package exchange

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/observe"
)

// Handler answers a request, or returns why it could not without having written
// anything. Whoever called the outermost one turns that error into an answer, so
// there is one place that does.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Exchange is one request and what has been found out about it. It belongs to the
// request's goroutine, but for [Exchange.MarkTooLarge], [Exchange.MarkCause] and
// [Incoming.MarkEnd].
type Exchange struct {
	observe.Record

	// Writer and Request are those of net/http. The request's context is that of the client's
	// connection.
	Writer  http.ResponseWriter
	Request *http.Request
	// Context is that of the call: the request's, with the user, the deadline, and the end that
	// a stop of the server sets.
	Context context.Context //nolint:containedctx // an exchange is one request, and ends with it.

	// Trace follows the request; nil if nothing does.
	Trace observe.Trace
	// Groups are the user's, for limits that hold for all of a group.
	Groups []string
	// Unidentified is why the caller is nobody known, if so: an error for the methods
	// that need credentials, and nothing for the others.
	Unidentified error

	// Prefix is the path below which clients reach the API, such as "/api"; "" if it is at the
	// root. Whatever leads clients back to the API begins with it.
	Prefix string

	// Binding is the route that the request matched; nil before, and for the
	// gateway's own pages.
	Binding *contract.Binding
	// Unrouted is why the request has no route, if so: an error once it has been
	// counted.
	Unrouted error
	// Preflight reports whether the request is a CORS preflight of an allowed origin. It
	// matches no route then.
	Preflight bool
	// Params are the values of the route's variables.
	Params []route.Param
	// Accept is the request's Accept field; nil if it has none.
	Accept []rfc9110.MediaRange
	// Unreadable is why the Accept field cannot be read, if so: an error once the
	// request is known to be one that could be served.
	Unreadable error
	// Conditions are the request's preconditions.
	Conditions rfc9110.Preconditions
	// Prefer are the request's preferences, without those that its method does not
	// honour.
	Prefer rfc9110.Preferences

	// Fields are sent with every answer, whatever it becomes: they are its header, to
	// which the responder adds what belongs to the answer that it has come to.
	Fields http.Header

	// Incoming is the request's body, Outgoing the response.
	Incoming Incoming
	Outgoing Outgoing
	// Call is what the backend keeps of its call.
	Call any
	// Counted reports whether the request counts among those of its caller.
	Counted bool
	// Slot is the place of a stream among those that run at the same time; nil if it needs
	// none.
	Slot Slot

	// Keep is called with a success just before it is sent; nil if nobody keeps it.
	Keep func(Sent)

	tooLarge atomic.Bool
	cause    atomic.Pointer[error]
	// first are the values of the first fields, in one place for all of them.
	first [4]string
}

// Sent is an answer, but for [Exchange].Fields, which belong to a request.
type Sent struct {
	Status int
	Header http.Header
	Body   []byte
}

// MarkTooLarge notes that the request's body went over its limit. The reader that
// notices does this itself, because decoders flatten its error into text.
func (e *Exchange) MarkTooLarge() { e.tooLarge.Store(true) }

// TooLarge says whether the request's body went over its limit.
func (e *Exchange) TooLarge() bool { return e.tooLarge.Load() }

// MarkCause notes why a service in this process failed, where its status does not say:
// its own errors do not cross the call. The first one counts. It may be called on any
// goroutine.
func (e *Exchange) MarkCause(cause error) { e.cause.CompareAndSwap(nil, &cause) }

// Cause is what MarkCause noted; nil if nothing.
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

// From returns the exchange that ctx carries. Outside the gateway's chain it is an
// empty one, so that a handler also works alone.
func From(ctx context.Context) *Exchange {
	if e, ok := ctx.Value(contextKey{}).(*Exchange); ok {
		return e
	}
	return &Exchange{Fields: http.Header{}}
}
