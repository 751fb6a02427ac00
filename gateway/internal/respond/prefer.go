package respond

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// prefer does to a success what the request prefers, and notes that it did. What is
// asked for has been checked against the contract.
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
		// The body is not of the resource that was asked, but of the new one (RFC 7240 §4.2).
		s.contentLocation = s.location
	case asked.Return == rfc9110.ReturnRepresentation && status == http.StatusOK:
		applied.Return = asked.Return
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusCreated:
		applied.Return = asked.Return
		s.contentLocation = "" // Without a body it would be about nothing.
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusOK:
		// A policy without 204 knows no success without a body but 201: then nothing changes.
		if empty := s.responder.table.Decide(policy.Input{Declared: []int32{http.StatusNoContent}}); empty.Status() == http.StatusNoContent {
			s.decision, applied.Return = empty, asked.Return
		}
	}
	s.applied = applied.Applied()
	s.bare = applied.Return == rfc9110.ReturnMinimal
}
