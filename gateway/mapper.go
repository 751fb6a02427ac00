package gateway

import (
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// Mapper computes the exact HTTP response of a gateway for a gRPC status, without serving anything.
// The body is JSON, also where a browser would get a page. It is safe for concurrent use.
type Mapper struct {
	responder *respond.Responder
	prefix    string
	bodyField func(method, path string) string
}

// NewMapper returns the mapper of a gateway with this configuration and backend. The backend may be
// nil. With a backend, the JSON pointers of violations are relative to the body of the request.
func NewMapper(b *Backend, config Config) (*Mapper, error) {
	c := config
	err := c.complete()
	if err != nil {
		return nil, err
	}
	m := &Mapper{prefix: c.publicPath(), bodyField: func(string, string) string { return "" }}
	if m.responder, err = c.responder(); err != nil || b == nil {
		return m, err
	}
	index := backend.Current(b).Contract.Index()
	m.bodyField = func(method, path string) string {
		found, outcome, err := index.Lookup(method, path)
		if err != nil || outcome != route.Found {
			return ""
		}
		return found.Value.Body
	}
	return m, nil
}

// With returns a copy of m with another policy. Nil means the policy "documented".
func (m *Mapper) With(table *policy.Table) *Mapper {
	if table == nil {
		table, _ = policy.Builtin(policy.Documented) // It exists.
	}
	other := *m
	other.responder = m.responder.With(table)
	return &other
}

// Policy returns the policy of m.
func (m *Mapper) Policy() *policy.Table { return m.responder.Table() }

// TypeURI returns the problem type for an HTTP status.
func (m *Mapper) TypeURI(status int) string { return m.responder.TypeURI(status, m.prefix) }

// MapRequest is the part of an HTTP request that the response to an error depends on.
type MapRequest struct {
	// Method is the HTTP method, Path the path without the prefix of the public URL.
	Method, Path string
	// Header holds the headers, with canonical names.
	Header http.Header
}

// Response is the response that a gateway would send.
type Response struct {
	// Row is the row of the policy's catalogue. Its status is the status of the response.
	Row *statuswayv1.Row
	// Rule is the rule that decided.
	Rule   *statuswayv1.Rule
	Header http.Header
	// Body is empty if the response has none.
	Body []byte
}

// Map returns the response to a request whose call ended with a gRPC status. For OK, the response
// has no header and no body, because these depend on the method. If a header of the request is
// malformed, the error is a gRPC status.
func (m *Mapper) Map(status *spb.Status, request MapRequest) (Response, error) {
	accept, err := rfc9110.ParseAccept(request.Header.Values("Accept"))
	if err != nil {
		return Response{}, unreadable("MALFORMED_ACCEPT", "the accept header cannot be read")
	}
	conditions, err := rfc9110.ParsePreconditions(request.Header.Values)
	if err != nil {
		return Response{}, unreadable("MALFORMED_PRECONDITION", "a conditional header cannot be read")
	}
	if status.GetCode() == int32(codes.OK) {
		return m.Success(0, false), nil
	}
	described := respond.Request{
		Method:      request.Method,
		Prefix:      m.prefix,
		Path:        m.prefix + request.Path,
		BodyField:   m.bodyField(request.Method, request.Path),
		Accept:      accept,
		Languages:   request.Header.Values("Accept-Language"),
		Conditional: conditions.Present(),
		Credentials: request.Header.Get("Authorization") != "",
	}
	if id := request.Header.Get("X-Request-Id"); observe.IsRequestID(id) {
		described.RequestID = id
	}
	answer := m.responder.Render(&respond.Failure{Status: status}, described)
	if request.Method == http.MethodHead {
		answer.Body = nil
	}
	return Response{Row: answer.Decision.Row, Rule: answer.Decision.Rule, Header: answer.Header, Body: answer.Body}, nil
}

// Success returns the row and the rule for a call that succeeded. declared is the status that the
// method declares, or 0 for none. notModified means that the client already has the current version.
func (m *Mapper) Success(declared int, notModified bool) Response {
	in := policy.Input{NotModified: notModified}
	if declared != 0 {
		in.Declared = []int32{int32(declared)} //nolint:gosec // a status has three digits.
	}
	decision := m.Policy().Decide(in)
	return Response{Row: decision.Row, Rule: decision.Rule}
}

func unreadable(reason, message string) error {
	return respond.Fail(reason, message)
}
