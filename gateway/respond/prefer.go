package respond

import (
	"net/http"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// prefer does to a success what the request prefers, and says so. It returns whether
// the body is left out. What is asked for has been checked against the contract.
func (r *Responder) prefer(answer *Answer, asked rfc9110.Preferences) bool {
	status := answer.Decision.Status()
	applied := rfc9110.Preferences{
		RespondAsync: asked.RespondAsync && status == http.StatusAccepted,
		Waits:        asked.Waits,
		Wait:         asked.Wait,
	}
	switch {
	case asked.Return == rfc9110.ReturnRepresentation && status == http.StatusCreated:
		applied.Return = asked.Return
		// The body is not of the resource that was asked, but of the new one (RFC 7240 §4.2).
		answer.Header.Set("Content-Location", answer.Header.Get("Location"))
	case asked.Return == rfc9110.ReturnRepresentation && status == http.StatusOK:
		applied.Return = asked.Return
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusCreated:
		applied.Return = asked.Return
		answer.Header.Del("Content-Location") // Without a body it would be about nothing.
	case asked.Return == rfc9110.ReturnMinimal && status == http.StatusOK:
		// A policy without 204 knows no success without a body but 201: then nothing changes.
		if empty := r.table.Decide(mapping.Input{Declared: []int32{http.StatusNoContent}}); empty.Status() == http.StatusNoContent {
			answer.Decision, applied.Return = empty, asked.Return
		}
	}
	if done := applied.Applied(); done != "" {
		answer.Header.Set("Preference-Applied", done)
	}
	return applied.Return == rfc9110.ReturnMinimal
}
