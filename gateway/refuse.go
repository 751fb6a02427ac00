package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
)

// refuse returns the documented response in place of net/http's own. Nothing is known
// of the request but that there was one.
func (g *Gateway) refuse(conn *conn, status int) []byte {
	method := http.MethodGet
	if conn.head.Load() {
		method = http.MethodHead
	}
	fields := http.Header{"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"}}
	ex := &exchange.Exchange{RequestID: rand.Text(), Start: time.Now(), Fields: fields, Client: middleware.HostOf(conn.RemoteAddr().String())}
	ex.Caller = g.clients.Key(ex.Client)
	fields["X-Request-Id"] = []string{ex.RequestID}
	failure := refusal(status)
	if g.limiter != nil {
		if allowance, err := g.limiter.Take(context.Background(), middleware.Use{Caller: ex.Caller}); err == nil {
			allowance.Fields(fields)
			failure = cmp.Or(allowance.Failure(), failure)
		}
	}
	answer := g.responder.Render(failure, respond.Request{Method: method, RequestID: ex.RequestID})
	respond.Note(ex, failure, answer)
	ex.Status, ex.Written = answer.Decision.Status(), int64(len(answer.Body))
	if g.observer != nil {
		g.observer.Begin()
	}
	g.over(context.Background(), "", ex)
	return answer.Raw(method, fields, time.Now())
}

// refusal says what net/http's own status means.
func refusal(status int) *respond.Failure {
	switch status {
	case http.StatusExpectationFailed:
		return middleware.UnmetExpectation()
	case http.StatusRequestHeaderFieldsTooLarge:
		return respond.Fail(codes.ResourceExhausted, mapping.ReasonHeaderTooLarge,
			"the target and the header fields are larger than the server is willing to process")
	case http.StatusNotImplemented:
		return respond.Fail(codes.Unimplemented, mapping.ReasonTransferCodingUnsupported, "the request's transfer coding is not one that the server reads")
	case http.StatusHTTPVersionNotSupported:
		return respond.Fail(codes.Unimplemented, mapping.ReasonVersionUnsupported, "the HTTP version is not one that the server speaks")
	default:
		return respond.Fail(codes.InvalidArgument, mapping.ReasonMalformedRequest, "the bytes are no HTTP request that the server can read")
	}
}
