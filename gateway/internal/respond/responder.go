package respond

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/statusway/statusway/gateway/internal/address"
	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const noStore = "no-store"

// Params configure a [Responder].
type Params struct {
	// Table is the policy.
	Table *policy.Table
	// PublicURL is the URL under which clients reach the API, such as "https://example.com/api". The
	// responder never uses Host, because the client chooses it. If PublicURL is empty, a problem's
	// type is a path (RFC 9457 §3.1.1).
	PublicURL string
	// PagesURL is the base URL of the pages of the statuses, such as /statuses/404, if another server
	// has them. Empty means that they are below PublicURL.
	PagesURL string
	// NoPages means that no server has these pages. Then the type of a problem is about:blank.
	NoPages bool
	// Realm is the realm of the Bearer challenge of a 401. It may be empty.
	Realm string
	// Gzip compresses successes of 1 KiB or more for clients that accept it, except media types that
	// are already compressed, such as images.
	Gzip bool
	// OpenDelay is how long a stream waits for its first message after the backend has sent its
	// metadata. After that it sends the headers alone. A failure within that time gets its own
	// status. 0 means [DefaultOpenDelay]; with a negative value, the headers always wait for the
	// first message.
	OpenDelay time.Duration
	// CommentInterval is how long Server-Sent Events may be silent before a comment line shows that
	// the stream is open. 0 means [DefaultCommentInterval], a negative value means no comments.
	CommentInterval time.Duration
	// SendTimeout is how long a response may make no progress because its client does not read. Then
	// the response ends, over HTTP/1.1 with the connection. 0 means [DefaultSendTimeout], a negative
	// value means no limit.
	SendTimeout time.Duration
	// ResponseMemory is the maximum memory of all responses together, in bytes, while their clients
	// read them. At the maximum, responses that have made no progress for a second or more are cut
	// off, the longest-stalled first. 0 means [DefaultResponseMemory], a negative value means no
	// limit.
	ResponseMemory int64
}

// Responder builds and sends responses. It is safe for concurrent use.
type Responder struct {
	table     *policy.Table
	redaction *statuswayv1.Redaction
	format    statuswayv1.ErrorFormat
	addresses address.Addresses
	realm     string
	codec     jsoncodec.Codec
	gzip      bool
	memory    *budget.Budget // of the responses that wait for their clients

	openDelay, commentInterval time.Duration
}

// New returns a responder, or an error if one of the two URLs is not http or https with an
// authority.
func New(p Params) (*Responder, error) {
	addresses, err := address.Parse(p.PublicURL, p.PagesURL, p.NoPages)
	if err != nil {
		return nil, err
	}
	if p.Table == nil {
		return nil, errors.New("a responder needs a table")
	}
	return &Responder{
		table:     p.Table,
		redaction: p.Table.Policy().GetRedaction(),
		format:    p.Table.Policy().GetErrorFormat(),
		addresses: addresses,
		realm:     p.Realm,
		codec:     jsoncodec.New(nil),
		gzip:      p.Gzip,
		memory: budget.New(budget.Params{
			Limit: cmp.Or(p.ResponseMemory, DefaultResponseMemory), Timeout: max(cmp.Or(p.SendTimeout, DefaultSendTimeout), 0),
		}),

		openDelay: cmp.Or(p.OpenDelay, DefaultOpenDelay), commentInterval: cmp.Or(p.CommentInterval, DefaultCommentInterval),
	}, nil
}

// With returns a copy of r with another policy.
func (r *Responder) With(table *policy.Table) *Responder {
	other := *r
	other.table = table
	other.redaction = table.Policy().GetRedaction()
	other.format = table.Policy().GetErrorFormat()
	return &other
}

// WithTypes returns a copy of r that looks up the types of messages in an Any in types, for responses and
// for error details.
func (r *Responder) WithTypes(types jsoncodec.Types) *Responder {
	other := *r
	other.codec = jsoncodec.New(types)
	return &other
}

// Table returns the policy.
func (r *Responder) Table() *policy.Table { return r.table }

// TypeURI returns the problem type for an HTTP status. prefix is the path prefix of the API.
func (r *Responder) TypeURI(status int, prefix string) string {
	return r.addresses.ProblemType(status, prefix)
}

// Error sends the response for an error. The outermost handler calls it at most once per request, and
// only if nothing has been written.
func (r *Responder) Error(w http.ResponseWriter, req *http.Request, err error) {
	buffer := buffers.get()
	request := RequestOf(req)
	format := r.choose(request.Accept)
	if prefersPage(request) {
		format.contentType = HTMLType
	}
	answer := r.render(*buffer, AsFailure(err), request, format)
	*buffer = answer.Body
	Note(exchange.From(req.Context()), err, answer)
	if !slices.Contains(w.Header()["Vary"], "Accept") {
		w.Header().Add("Vary", "Accept")
	}
	merge(w.Header(), answer.Header)
	r.finish(w, req, answer, buffer)
}

// Note records the failure of a request, and the decision of the policy, on the exchange.
func Note(ex *exchange.Exchange, err error, answer Answer) {
	ex.Fail(err, answer.Code, answer.Decision.Status() >= http.StatusInternalServerError)
	ex.Domain, ex.Reason = answer.Domain, answer.Reason
	ex.Rule = answer.Decision.Rule.GetName()
	ex.Omitted = answer.Omitted.String()
	if ex.Domain == policy.Domain && ex.Reason == policy.ReasonClientClosed {
		ex.ClientClosed = true
	}
}

// Page responds with a body that does not come from a gRPC method, such as that of a health check.
func (r *Responder) Page(w http.ResponseWriter, req *http.Request, contentType string, body []byte) {
	header := http.Header{"Content-Type": {contentType}, "Cache-Control": {noStore}}
	r.send(w, req, Answer{Decision: r.table.Decide(policy.Input{}), Header: header, Body: body})
}

// Empty responds with a success without a body, for example to OPTIONS.
func (r *Responder) Empty(w http.ResponseWriter, req *http.Request) error {
	r.send(w, req, Answer{Decision: r.table.Decide(policy.Input{Declared: []int32{http.StatusNoContent}}), Header: http.Header{"Cache-Control": {noStore}}})
	return nil
}

// send sends a whole response.
func (r *Responder) send(w http.ResponseWriter, req *http.Request, answer Answer) {
	merge(w.Header(), answer.Header)
	r.finish(w, req, answer, nil)
}

// hasContent returns false for the statuses without a body (RFC 9110 §15.3.5, §15.4.5).
func hasContent(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// merge adds fields to header, except values that are not allowed on the wire, because a backend may put
// anything into its metadata. header and fields then share their values.
func merge(header, fields http.Header) {
	for name, values := range fields {
		if len(header[name]) == 0 && !slices.ContainsFunc(values, isUnclean) {
			header[name] = slices.Clip(values)
			continue
		}
		for _, value := range values {
			if clean, ok := rfc9110.FieldValue(value); ok {
				header[name] = append(header[name], clean)
			}
		}
	}
}

func isUnclean(value string) bool {
	clean, ok := rfc9110.FieldValue(value)
	return !ok || clean != value
}
