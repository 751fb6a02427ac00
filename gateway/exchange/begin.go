package exchange

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// Begin returns r with a new exchange in its context. A client may name the request
// by X-Request-Id; a name that is not 1 to 128 letters, digits and -_. is replaced,
// so that it can stand in a log as it is.
func Begin(r *http.Request) (*http.Request, *Exchange) {
	e := &Exchange{RequestID: requestID(r.Header.Get("X-Request-ID")), Start: time.Now(), Fields: http.Header{}}
	e.Fields["X-Request-Id"] = []string{e.RequestID}
	// No answer is to be taken for another type than it says, nor to be framed or to
	// load anything if a browser opens it.
	e.Fields["X-Content-Type-Options"] = []string{"nosniff"}
	e.Fields["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	if r.TLS != nil {
		e.Fields["Strict-Transport-Security"] = []string{"max-age=31536000"} // RFC 6797 §6.1
	}
	return r.WithContext(With(r.Context(), e)), e
}

func requestID(given string) string {
	const longest = 128
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
	if given != "" && len(given) <= longest && strings.Trim(given, allowed) == "" {
		return given
	}
	return rand.Text()
}
