package conformance

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// handshakeTime limits the attempt to speak TLS to a server.
const handshakeTime = 3 * time.Second

// TLSMismatch returns what is wrong with the scheme of a URL, or with its server's certificate, and what to
// do; nil if that is not what failed. err is the error of a request. It may be nil, because many servers
// respond to plain HTTP on their TLS port.
func TLSMismatch(ctx context.Context, target *url.URL, err error) error {
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	_, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case target.Scheme == "https" && (isPlain || errors.Is(err, http.ErrSchemeMismatch)):
		return fmt.Errorf("%s does not speak TLS: use http://%s", target, target.Host) //nolint:err113 // it is for people.
	case target.Scheme == "https" && isUntrusted:
		return fmt.Errorf("%s is not trusted (%w): name its certificates with --ca, or use --insecure", target, err)
	case target.Scheme == "http" && speaksTLS(ctx, target):
		return fmt.Errorf("%s speaks TLS: use https://%s", target, target.Host) //nolint:err113 // as above.
	default:
		return nil
	}
}

func speaksTLS(ctx context.Context, target *url.URL) bool {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nothing is sent: the question is only whether it is TLS.
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(target.Hostname(), cmp.Or(target.Port(), "80")))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
