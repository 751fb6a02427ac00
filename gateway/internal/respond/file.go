package respond

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// File is a fixed body that does not come from a gRPC method, such as a document or a script. It is
// immutable.
type File struct {
	contentType string
	body        []byte
	tag         rfc9110.ETag
	compressed  func() ([]byte, error)
}

// NewFile returns a file with an entity-tag that is a hash of its bytes.
func NewFile(contentType string, body []byte) *File {
	sum := sha256.Sum256(body)
	body = slices.Clip(body)
	return &File{
		contentType: contentType,
		body:        body,
		tag:         rfc9110.StrongETag(base64.RawURLEncoding.EncodeToString(sum[:12])),
		// Compress only once, because the file may be large, and no rate limit applies to pages.
		compressed: sync.OnceValues(func() ([]byte, error) { return compress(nil, body) }),
	}
}

// File responds with a file, or with 304 or 412 if the request's conditions require it. It ignores
// malformed conditions. If it returns an error, it has written nothing.
func (r *Responder) File(w http.ResponseWriter, req *http.Request, file *File) error {
	answer := Answer{Header: http.Header{"Content-Type": {file.contentType}, "Cache-Control": {"no-cache"}}, Body: file.body}
	tag := file.tag
	if r.gzip {
		answer.Header.Set("Vary", "Accept-Encoding")
	}
	if coding := r.coding(req); coding != "" && compressible(file.contentType, len(file.body)) {
		tag.Opaque += gzipTag
		compressed, err := file.compressed()
		if err != nil {
			return err
		}
		answer.Header.Set("Content-Encoding", coding)
		answer.Body = compressed
	}
	answer.Header.Set("ETag", tag.String())
	in := policy.Input{}
	if conditions, err := rfc9110.ParsePreconditions(req.Header.Values); err == nil && conditions.Present() {
		exchange.From(req.Context()).Conditions = conditions
		switch conditions.Evaluate(true, rfc9110.Validators{Tag: tag, HasTag: true}) {
		case rfc9110.Failed:
			return Fail(policy.ReasonPreconditionFailed, "a condition of the request does not hold for the current representation")
		case rfc9110.NotModified:
			in.NotModified = true
			answer.Header.Del("Content-Encoding")
		case rfc9110.Proceed:
		}
	}
	answer.Decision = r.table.Decide(in)
	r.send(w, req, answer)
	return nil
}
