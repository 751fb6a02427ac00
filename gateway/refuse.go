package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// refuse returns the documented response in place of net/http's own. The gateway knows nothing
// about the request except that there was one.
func (g *Gateway) refuse(conn *conn, status int) []byte {
	method := http.MethodGet
	if conn.head.Load() {
		method = http.MethodHead
	}
	fields := http.Header{}
	ex := &exchange.Exchange{Fields: fields, Prefix: g.config.publicPath()}
	ex.RequestID, ex.Start, ex.Method = rand.Text(), time.Now(), observe.KnownMethod("")
	ex.Client = rules.HostOf(conn.RemoteAddr().String())
	ex.Caller = ratelimit.ClientKey(ex.Client, g.config.IPv6Prefix)
	ex.SetFixedFields(conn.tlsState() != nil)
	var failure error = refusal(status)
	if g.config.Limiter != nil {
		if allowance, err := g.config.Limiter.Take(context.Background(), ratelimit.Use{Caller: ex.Caller}); err == nil {
			allowance.SetFields(fields)
			failure = cmp.Or(allowance.Err(), failure)
		}
	}
	answer := g.responder.Render(respond.AsFailure(failure), respond.Request{Method: method, RequestID: ex.RequestID, Prefix: ex.Prefix})
	respond.Note(ex, failure, answer)
	ex.Status, ex.Written = answer.Decision.Status(), int64(len(answer.Body))
	if g.config.Observer != nil {
		g.config.Observer.Begin()
	}
	g.finish(context.Background(), ex)
	return answer.Raw(method, fields, time.Now())
}

// refusal returns the failure that a status of net/http means.
func refusal(status int) *respond.Failure {
	switch status {
	case http.StatusExpectationFailed:
		return rules.UnmetExpectation()
	case http.StatusRequestHeaderFieldsTooLarge:
		return rules.HeaderTooLarge()
	case http.StatusNotImplemented:
		return respond.Fail(policy.ReasonTransferCodingUnsupported, "the request's transfer coding is not one that the server reads")
	case http.StatusHTTPVersionNotSupported:
		return respond.Fail(policy.ReasonVersionUnsupported, "the HTTP version is not one that the server speaks")
	default:
		return respond.Fail(policy.ReasonMalformedRequest, "the bytes are no HTTP request that the server can read")
	}
}
