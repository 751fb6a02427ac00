package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// An Answer is what came back.
type Answer struct {
	Transport string
	Status    int
	Header    http.Header
	// Body is the decoded content; Length is the length before decoding.
	Body      []byte
	Length    int
	Continued bool
	// Closes means that the server closes the connection; only over HTTP/1.1.
	Closes bool
	// Framing is a fault in the framing of the response, or nil.
	Framing error
	// Raw means that the content need not be JSON, Array that it is a stream as a JSON array.
	Raw, Array bool
	// Cut is how the content ended too early because of the server; nil if it did not.
	Cut error
	// Left means that the client disconnected before the content had ended.
	Left bool
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

// cut notes an error of reading the content as the server's breaking off. It returns
// the error if it is another: nothing came in time.
func (a *Answer) cut(err error) error {
	if err == nil {
		return nil
	}
	var timeout net.Error
	var reset http2.StreamError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("reading the content of %d: %w", a.Status, err)
	case a.Transport == OverH2C && !errors.As(err, &reset):
		return fmt.Errorf("reading the content of %d: the server closed the connection, not only the stream: %w", a.Status, err)
	}
	a.Cut = err
	return nil
}

// isPartial reports whether a part of the content is missing.
func (a *Answer) isPartial() bool { return a.Cut != nil || a.Left }
