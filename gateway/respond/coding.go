package respond

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/rfc9110"
)

const (
	gzipCoding = "gzip"
	// gzipTag ends the entity-tag of a compressed representation: its bytes are others,
	// so its strong tag has to be another (RFC 9110 §8.8.3.3). StrongETag encodes every
	// percent sign of a version, so no tag of ours ends so by itself.
	gzipTag = "%gzip"
)

// coding chooses the content coding of a success. It depends on the request alone and
// not on the body's size, so that 304 can be decided without encoding anything.
func (r *Responder) coding(req *http.Request) string {
	lines := req.Header["Accept-Encoding"]
	if !r.gzip || len(lines) == 0 {
		return ""
	}
	// Where nothing is acceptable the field is disregarded (RFC 9110 §12.5.3).
	if coding, ok := rfc9110.NegotiateEncoding(lines, []string{gzipCoding}); ok && coding == gzipCoding {
		return coding
	}
	return ""
}

// compress puts a body into the coding gzip. Without a name and a time in its header
// the same body has the same bytes.
func compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	compressor := gzip.NewWriter(&out)
	_, err := compressor.Write(body)
	if err == nil {
		err = compressor.Close()
	}
	if err != nil {
		return nil, Fail(codes.Internal, mapping.ReasonInternal, "the response could not be compressed").Because(err)
	}
	return out.Bytes(), nil
}

// PlainTags returns the lines of If-Match or If-None-Match with the tags of compressed
// representations as those of the resource: a backend knows one version, whatever way
// it was sent.
func PlainTags(lines []string) []string {
	plain := make([]string, len(lines))
	for i, line := range lines {
		plain[i] = strings.ReplaceAll(line, gzipTag+`"`, `"`)
	}
	return plain
}
