package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
)

// An Answer is what came back.
type Answer struct {
	Transport string
	Status    int
	Header    http.Header
	// Body is what was sent, without its content coding; Length is that of what was sent.
	Body      []byte
	Length    int
	Continued bool
	// Closes says that the server closes the connection; only over HTTP/1.1.
	Closes bool
	// Framing is what was wrong around the answer, if anything.
	Framing error
}

// decode takes the content coding off.
func (a *Answer) decode(content []byte) error {
	a.Body, a.Length = content, len(content)
	if a.Header.Get("Content-Encoding") != "gzip" || len(content) == 0 {
		return nil
	}
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err == nil {
		a.Body, err = io.ReadAll(plain)
	}
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	return nil
}

func hasContent(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
