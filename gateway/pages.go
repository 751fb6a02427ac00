package gateway

import (
	"net/http"
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

// mappingService is the service whose routes are the pages of the policy as JSON.
const mappingService = "/statusway.mapping.v1.MappingService/"

// pages returns the pages that no route of the API replaces.
func (g *Gateway) pages(responder *respond.Responder, index *route.Index[*contract.Binding]) map[string]rules.Rule {
	pages := map[string]rules.Rule{}
	for path, page := range g.config.Pages {
		if !page.Yields || !isTaken(index, path) {
			pages[path] = pageRule(responder, page.Handler)
		}
	}
	return pages
}

func isTaken(index *route.Index[*contract.Binding], path string) bool {
	found, outcome, err := index.Lookup(http.MethodGet, path)
	if err != nil || outcome == route.NotFound {
		return false
	}
	return outcome != route.Found || !strings.HasPrefix(found.Value.Method.FullName, mappingService)
}

// pageRule makes a step of the walk of a handler.
func pageRule(responder *respond.Responder, handler http.Handler) rules.Rule {
	return func(ex *exchange.Exchange) error {
		return own(ex, responder, func(w *ownWriter, r *http.Request) error {
			handler.ServeHTTP(w, r)
			return nil
		})
	}
}

// Error responds to the request of a [Page], or in a handler of Intercept, with what err becomes by
// the policy: a gRPC status, or an internal error. It must be called before anything is written.
// Elsewhere it responds as the policy "documented" does.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := r.Context().Value(ownKey{}).(*ownWriter); ok {
		p.err = err
		return
	}
	alone().Error(w, r, err)
}

// Content responds with 200 and a body that no cache may store, as [Error] responds to errors.
func Content(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	if p, ok := r.Context().Value(ownKey{}).(*ownWriter); ok {
		p.responder.Page(p.ResponseWriter, r, contentType, body)
		return
	}
	alone().Page(w, r, contentType, body)
}

// File returns the handler of a [Page] whose body never changes. It has an entity-tag, and
// responds with 304 and 412 as the conditions of the request demand.
func File(contentType string, body []byte) http.Handler {
	file := respond.NewFile(contentType, body)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, inside := r.Context().Value(ownKey{}).(*ownWriter)
		if !inside {
			// The responder notes the conditions of the request in its exchange.
			r = r.WithContext(exchange.With(r.Context(), &exchange.Exchange{Fields: w.Header()}))
			p = &ownWriter{ResponseWriter: w, responder: alone()}
		}
		if err := p.responder.File(p.ResponseWriter, r, file); err != nil {
			Error(w, r, err)
		}
	})
}

// alone is what responds outside a page.
func alone() *respond.Responder {
	var config Config
	_ = config.complete() // Nothing of the zero value is wrong.
	responder, _ := config.responder()
	return responder
}

// Negotiate returns the offer that the request's Accept prefers, the first of equals, and adds Vary
// to the response. An offer is a media type, with its parameters if it has some. A client that names a media type of errors gets application/json, if that is
// offered. The error is a gRPC status: Accept cannot be read, or accepts no offer.
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

// withoutParams returns the media types as Accept in a response names them.
func withoutParams(offers []string) []string {
	types := make([]string, len(offers))
	for i, offer := range offers {
		types[i], _, _ = strings.Cut(offer, ";")
	}
	return types
}

// MarshalJSON returns a message as the JSON that a gateway sends: ProtoJSON with the same bytes in
// every build.
func MarshalJSON(message proto.Message) ([]byte, error) { return jsoncodec.Marshal(message) }

// UnmarshalJSON reads a message as a gateway reads a request: ProtoJSON, strictly. An Any of a type
// that is not linked into the program is read as MarshalJSON writes it.
func UnmarshalJSON(text []byte, message proto.Message) error {
	return jsoncodec.Unmarshal(text, message)
}
