package respond

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// prefer applies the preferences of the request to a success, and records which ones it has applied. The
// rule Prefer has already removed those that the method does not honour.
func (s *success) prefer(asked rfc9110.Preferences) {
	status := s.decision.Status()
	applied := rfc9110.Preferences{
		RespondAsync: asked.RespondAsync && status == http.StatusAccepted,
		Waits:        asked.Waits,
		Wait:         asked.Wait,
	}
	switch {
	case asked.Return == rfc9110.ReturnRepresentation && status == http.StatusCreated:
		applied.Return = asked.Return
		// The body represents the new resource, not the target of the request (RFC 7240 §4.2).
		s.contentLocation = s.location
	case asked.Return == rfc9110.ReturnRepresentation && status == http.StatusOK:
		applied.Return = asked.Return
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusCreated:
		applied.Return = asked.Return
		s.contentLocation = "" // Content-Location describes a body, and there is none.
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusOK:
		// If the policy has no 204, only a 201 can be without a body. Else nothing changes.
		if empty := s.responder.table.Decide(policy.Input{Declared: []int32{http.StatusNoContent}}); empty.Status() == http.StatusNoContent {
			s.decision, applied.Return = empty, asked.Return
		}
	}
	s.applied = applied.Applied()
	s.bare = applied.Return == rfc9110.ReturnMinimal
}
