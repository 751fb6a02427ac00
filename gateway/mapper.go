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

// Mapper shows what a gateway responds to a gRPC status, byte by byte, without serving anything. It
// is safe for concurrent use.
type Mapper struct {
	responder *respond.Responder
	prefix    string
	bodyField func(method, path string) string
}

// NewMapper returns the mapper of a gateway with this configuration and backend. With a backend the
// pointers to violations lead into the body of the described request; it may be nil.
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

// With returns a mapper that is like m but decides by another policy.
func (m *Mapper) With(policy *policy.Table) *Mapper {
	other := *m
	other.responder = m.responder.With(policy)
	return &other
}

// Policy returns the policy that decides.
func (m *Mapper) Policy() *policy.Table { return m.responder.Table() }

// TypeURI returns the type of a problem with an HTTP status.
func (m *Mapper) TypeURI(status int) string { return m.responder.TypeURI(status, m.prefix) }

// MapRequest is as much of an HTTP request as the response to an error depends on.
type MapRequest struct {
	// Method is the HTTP method, Path the path without the prefix of the public URL.
	Method, Path string
	// Header are the header fields, with canonical names.
	Header http.Header
}

// Response is what a gateway would send.
type Response struct {
	// Row is the row of the policy's catalogue; its status is that of the response.
	Row *statuswayv1.Row
	// Rule is the rule that decided.
	Rule   *statuswayv1.Rule
	Header http.Header
	// Body is empty if the response has none.
	Body []byte
}

// Map returns the response to a request whose call ended with a status. For the status OK it has
// no header and no body, because those depend on the method. The error is a gRPC status: a header
// field of the request cannot be read.
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

// Success returns the row and the rule for a call that succeeded: of a method that declares the
// status (0 for one that declares none), and whose client has the current version already.
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
