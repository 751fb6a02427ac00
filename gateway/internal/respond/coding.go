package respond

import (
	"compress/gzip"
	"net/http"
	"runtime"
	"strings"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

const (
	gzipCoding = "gzip"
	// gzipTag is the suffix of the entity-tag of a compressed representation. Its bytes differ, so
	// its strong tag must differ too (RFC 9110 §8.8.3.3). StrongETag encodes every percent sign of a
	// version, so no other tag of the gateway ends with this suffix.
	gzipTag = "%gzip"
	// gzipSize is the minimum size of a body to compress. A smaller body fits into one packet anyway.
	gzipSize = 1 << 10
)

// coding negotiates the content coding of a success. A body that is not [compressible]
// is sent without one.
func (r *Responder) coding(req *http.Request) string {
	lines := req.Header["Accept-Encoding"]
	if !r.gzip || len(lines) == 0 {
		return ""
	}
	// If no coding is acceptable, Accept-Encoding is ignored (RFC 9110 §12.5.3).
	if coding, ok := rfc9110.NegotiateEncoding(lines, []string{gzipCoding}); ok && coding == gzipCoding {
		return coding
	}
	return ""
}

// compressor appends compressed bytes to a slice.
type compressor struct {
	gzip *gzip.Writer
	out  []byte
}

func (c *compressor) Write(data []byte) (int, error) {
	c.out = append(c.out, data...)
	return len(data), nil
}

// compressors are reused, because a new one takes 800 KB. There are only as many as can run at the same
// time; other responses wait for one. An entry is nil until its first use.
//
//nolint:gochecknoglobals // as buffers
var compressors = func() chan *compressor {
	free := make(chan *compressor, runtime.GOMAXPROCS(0))
	for range cap(free) {
		free <- nil
	}
	return free
}()

// compress appends a body in gzip coding. The gzip header contains no name and no time, so the same body
// always gives the same bytes.
func compress(out, body []byte) ([]byte, error) {
	c := <-compressors
	defer func() { compressors <- c }()
	if c == nil {
		c = &compressor{}
		c.gzip = gzip.NewWriter(c)
	}
	c.out = out
	c.gzip.Reset(c)
	_, err := c.gzip.Write(body)
	if err == nil {
		err = c.gzip.Close()
	}
	out, c.out = c.out, nil
	if err != nil {
		return out, Fail(policy.ReasonInternal, "the response could not be compressed").Because(err)
	}
	return out, nil
}

// compressible reports whether a body is worth compressing.
func compressible(contentType string, size int) bool {
	return size >= gzipSize && !isCompressed(contentType)
}

// isCompressed reports whether content of a media type is already compressed.
func isCompressed(contentType string) bool {
	name, _, _ := strings.Cut(contentType, ";")
	top, sub, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "/")
	if i := strings.LastIndexByte(sub, '+'); i >= 0 {
		suffix := sub[i+1:]
		return suffix == "zip" || suffix == "gzip" || suffix == "zstd" // +xml and +json are text
	}
	switch top {
	case "video":
		return true
	case "image":
		switch sub {
		case "bmp", "x-ms-bmp", "vnd.microsoft.icon", "x-icon":
			return false
		}
		return !strings.HasPrefix(sub, "x-portable-")
	case "audio":
		return sub != "wav" && sub != "x-wav" && sub != "vnd.wave" && sub != "midi"
	case "font":
		return strings.HasPrefix(sub, "woff")
	case "application":
		return isArchive(sub)
	}
	return false
}

// isArchive reports whether a type of application/ is an archive, a document format that is an archive
// inside, or another compressed format.
func isArchive(sub string) bool {
	switch sub {
	case "zip", "x-zip-compressed", "gzip", "x-gzip", "zlib", "zstd", "x-bzip", "x-bzip2", "x-xz", "x-lzma", "x-compress",
		"x-7z-compressed", "x-rar-compressed", "vnd.rar", "java-archive", "vnd.android.package-archive", "x-debian-package", "x-rpm",
		"pdf", "mp4", "ogg", "font-woff", "x-font-woff", "vnd.apache.parquet":
		return true
	}
	return strings.HasPrefix(sub, "vnd.openxmlformats-officedocument.") || strings.HasPrefix(sub, "vnd.oasis.opendocument.")
}

// PlainTags returns the lines of If-Match or If-None-Match, with the tags of compressed representations
// replaced by the tags of the resource, because a backend only knows the version of the resource.
func PlainTags(lines []string) []string {
	plain := make([]string, len(lines))
	for i, line := range lines {
		plain[i] = strings.ReplaceAll(line, gzipTag+`"`, `"`)
	}
	return plain
}
