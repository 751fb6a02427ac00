package respond

import (
	"net/http"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/policy"
)

// Replay sends the response to an earlier request again, as [exchange.Exchange].Keep got it. If the
// policy no longer has that status, Replay sends 200, because a change of policy must not turn a success
// into a failure. If it returns an error, it has written nothing.
func (r *Responder) Replay(w http.ResponseWriter, req *http.Request, sent exchange.Sent) error {
	answer := Answer{
		Decision: r.table.Decide(policy.Input{Declared: []int32{int32(sent.Status)}}), //nolint:gosec // an unknown number has no row.
		Header:   sent.Header.Clone(),
		Body:     sent.Body,
	}
	if coding := r.coding(req); coding != "" && compressible(answer.Header.Get("Content-Type"), len(answer.Body)) {
		if tag := answer.Header.Get("ETag"); tag != "" {
			answer.Header.Set("ETag", strings.TrimSuffix(tag, `"`)+gzipTag+`"`)
		}
		var err error
		if answer.Body, err = compress(nil, answer.Body); err != nil {
			return err
		}
		answer.Header.Set("Content-Encoding", coding)
	}
	if err := r.reserve(w, req, len(answer.Body)); err != nil {
		return err
	}
	r.send(w, req, answer)
	return nil
}
