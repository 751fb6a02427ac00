package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
)

// log writes the request's one line. What stands in it was written by this program, the
// contract, the policy or the backend, but for the ids, whose characters are checked: no
// path, query, field or body, because each may hold what is nobody's business, and
// neither an address nor a user's name, which are a person's. Only the cause of a fault
// is free text, because nobody else is told it.
func (g *Gateway) log(ctx context.Context, method string, ex *exchange.Exchange) {
	level := levelOf(ex)
	if !g.logger.Enabled(ctx, level) {
		return
	}
	route, rpc := ex.Page, ""
	if ex.Binding != nil {
		route, rpc = ex.Binding.Path, ex.Binding.Method.FullName
	}
	attrs := exchange.Texts([][2]string{
		{"requestId", ex.RequestID},
		{"traceId", ex.TraceID},
		{"method", exchange.KnownMethod(method)},
		{"route", route},
		{"rpc", rpc},
		{"code", mapping.CodeName(ex.Code)},
		{"domain", exchange.Identifier(ex.Domain)},
		{"reason", exchange.Identifier(ex.Reason)},
		{"rule", ex.Rule},
		{"omitted", ex.Omitted},
		{"caller", callerKind(ex.Caller)},
		{"client", exchange.ClientKind(ex.Client)},
	})
	attrs = append(
		attrs,
		slog.Int("status", ex.Status),
		slog.Int64("received", ex.Received),
		slog.Int64("written", ex.Written),
		slog.Bool("replayed", ex.Replayed),
		slog.Bool("clientClosed", ex.ClientClosed),
		exchange.Took(ex.Start),
	)
	if ex.Fault {
		attrs = append(attrs, causeOf(ex))
	}
	g.logger.LogAttrs(ctx, level, "request", attrs...)
}

// levelOf is the outcome's own, but for the gateway's own pages, which are asked for every
// few seconds: that the server is not ready is an answer of theirs.
func levelOf(ex *exchange.Exchange) slog.Level {
	switch {
	case ex.Page != "" && ex.Status < http.StatusBadRequest:
		return slog.LevelDebug
	case ex.Page != "" && ex.Status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	default:
		return ex.Level()
	}
}

// causeOf is what the client is not told: the failure, and what a service in this
// process knows of it besides. An error that says more to a log than to whoever wraps it,
// such as gateway/inprocess's of a panic, is a [slog.LogValuer].
func causeOf(ex *exchange.Exchange) slog.Attr {
	cause := ex.Failure
	type detailed interface {
		error
		slog.LogValuer
	}
	if more, ok := errors.AsType[detailed](cause); ok {
		cause = fmt.Errorf("%w: %v", cause, more.LogValue())
	}
	if inner := ex.Cause(); inner != nil {
		cause = fmt.Errorf("%w: %w", cause, inner)
	}
	return exchange.CauseOf(cause)
}

func callerKind(caller string) string {
	switch {
	case caller == "":
		return "" // it was refused before anybody asked
	case middleware.IsUser(caller):
		return "user"
	default:
		return "address"
	}
}
