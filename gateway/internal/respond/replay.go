package respond

import (
	"net/http"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/policy"
)

// Replay answers as an earlier request was answered, by what [exchange.Exchange].Keep
// was given then. Where the policy no longer has that row it is 200: a change of
// policy must not make a failure of what succeeded. An error means that nothing was
// written.
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
