package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/internal/rules"
)

// mappingService is the service that serves the pages of the policy as JSON.
const mappingService = "/statusway.mapping.v1.MappingService/"

// pages returns the pages, without those that yield to a route of the API.
func (g *Gateway) pages(responder *respond.Responder, index *route.Index[*contract.Binding]) rules.PageSet {
	pages := rules.PageSet{}
	for path, page := range g.config.Pages {
		escaped := (&url.URL{Path: path}).EscapedPath()
		if !page.Yields || !isTaken(index, escaped) {
			methods := slices.DeleteFunc(index.Allow(escaped), func(method string) bool { return method == http.MethodGet })
			pages[path] = rules.Page{Serve: pageRule(responder, page.Handler), Methods: methods}
		}
	}
	return pages
}

// isTaken reports whether the API has a route for GET at path.
func isTaken(index *route.Index[*contract.Binding], path string) bool {
	found, outcome, err := index.Lookup(http.MethodGet, path)
	return err == nil && outcome == route.Found && !strings.HasPrefix(found.Value.Method.FullName, mappingService)
}

// pageRule returns the handler of a page as a step of the walk.
func pageRule(responder *respond.Responder, handler http.Handler) rules.Rule {
	return func(ex *exchange.Exchange) error {
		return own(ex, responder, func(w *ownWriter, r *http.Request) error {
			handler.ServeHTTP(w, r)
			return nil
		})
	}
}

// Error responds to the request of a [Page], or in a handler of Intercept, with an error. The policy
// maps err: a gRPC status, or any other error as INTERNAL. Call Error before you write anything.
// Elsewhere, Error uses the policy "documented".
func Error(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := r.Context().Value(ownKey{}).(*ownWriter); ok {
		p.err = err
		return
	}
	defaultResponder().Error(w, r, err)
}

// Content responds with 200 and a body that no cache may store, as [Error] responds to errors.
func Content(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	if p, ok := r.Context().Value(ownKey{}).(*ownWriter); ok {
		p.responder.Page(p.ResponseWriter, r, contentType, body)
		return
	}
	defaultResponder().Page(w, r, contentType, body)
}

// File returns the handler of a [Page] whose body never changes. The handler sends an entity-tag,
// and responds with 304 or 412 if the conditions of the request require it.
func File(contentType string, body []byte) http.Handler {
	file := respond.NewFile(contentType, body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, inside := r.Context().Value(ownKey{}).(*ownWriter)
		if !inside {
			// The responder needs an exchange to record the conditions of the request.
			r = r.WithContext(exchange.With(r.Context(), &exchange.Exchange{Fields: w.Header()}))
			p = &ownWriter{ResponseWriter: w, responder: defaultResponder()}
		}
		if err := p.responder.File(p.ResponseWriter, r, file); err != nil {
			Error(w, r, err)
		}
	})
}

// defaultResponder responds outside a page.
func defaultResponder() *respond.Responder {
	var config Config
	_ = config.complete() // The zero Config is valid.
	responder, _ := config.responder()
	return responder
}

// Negotiate returns the offer that the request's Accept header prefers, and adds Vary to the
// response. Between equal offers, the first one wins. An offer is a media type, with parameters if
// it needs them. An Accept header that lists only media types of errors also accepts
// application/json. If Accept is malformed or accepts no offer, the error is a gRPC status.
func Negotiate(w http.ResponseWriter, r *http.Request, offers ...string) (string, error) {
	w.Header().Add("Vary", "Accept")
	ranges, err := rules.ReadAccept(r)
	exchange.From(r.Context()).Accept = ranges
	if err != nil {
		return "", err
	}
	all := offers
	for _, offer := range offers {
		if offer == respond.JSONType {
			all = append(slices.Clip(all), respond.ProblemType, respond.StatusType, respond.ErrorType)
		}
	}
	kind, ok := rfc9110.Negotiate(ranges, all)
	switch {
	case !ok:
		return "", rules.NotAcceptable(withoutParams(offers))
	case kind == respond.ProblemType || kind == respond.StatusType || kind == respond.ErrorType:
		return respond.JSONType, nil
	default:
		return kind, nil
	}
}

// withoutParams returns the media types for an Accept header in a response.
func withoutParams(offers []string) []string {
	types := make([]string, len(offers))
	for i, offer := range offers {
		types[i], _, _ = strings.Cut(offer, ";")
	}
	return types
}

// MarshalJSON encodes a message as a gateway does: ProtoJSON, with the same bytes in every build.
func MarshalJSON(message proto.Message) ([]byte, error) { return jsoncodec.Marshal(message) }

// UnmarshalJSON decodes a message as a gateway decodes a request: strict ProtoJSON. It also accepts
// the form that MarshalJSON writes for an Any whose type is not linked into the program.
func UnmarshalJSON(text []byte, message proto.Message) error {
	return jsoncodec.Unmarshal(text, message)
}
