package respond

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
)

// keep hands a success on to whoever keeps it, without its content coding: the client
// that gets it next may take another. It does so before anything is sent, so that an
// answer which does not arrive can be had again.
func keep(ex *exchange.Exchange, answer Answer) {
	if ex.Keep == nil {
		return
	}
	header := answer.Header.Clone()
	if tags := header["Etag"]; len(tags) > 0 {
		header["Etag"] = PlainTags(tags)
	}
	ex.Keep(exchange.Sent{Status: answer.Decision.Status(), Header: header, Body: bytes.Clone(answer.Body)})
}

// Replay answers as an earlier request was answered, by what [exchange.Exchange].Keep
// was given then. Where the policy no longer has that row it is 200: a change of
// policy must not make a failure of what succeeded. An error means that nothing was
// written.
func (r *Responder) Replay(w http.ResponseWriter, req *http.Request, sent exchange.Sent) error {
	answer := Answer{
		Decision: r.table.Decide(mapping.Input{Declared: []int32{int32(sent.Status)}}), //nolint:gosec // an unknown number has no row.
		Header:   sent.Header.Clone(),
		Body:     sent.Body,
	}
	coding := r.coding(req)
	if tag := answer.Header.Get("ETag"); coding != "" && tag != "" {
		answer.Header.Set("ETag", strings.TrimSuffix(tag, `"`)+gzipTag+`"`)
	}
	if err := recode(&answer, coding); err != nil {
		return err
	}
	r.send(w, req, answer)
	return nil
}
