package forward

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Metadata is what goes on to the backend: the fields that may pass, and what the
// gateway itself vouches for. Whatever a client sent under the gateway's own keys is
// not among it.
func (r *Rules) Metadata(req *http.Request) metadata.MD {
	ex := exchange.From(req.Context())
	md := make(metadata.MD, len(r.inbound))
	for name, key := range r.inbound {
		if lines := req.Header[name]; len(lines) > 0 {
			add(md, key, lines)
		}
	}
	if r.all {
		r.addClient(md, req.Header)
	}
	// Set, not added: the keys are the gateway's.
	own := [...]string{ex.RequestID, ex.Client, req.Host}
	for i, key := range [...]string{"x-request-id", "x-forwarded-for", "x-forwarded-host"} {
		delete(md, key)
		add(md, key, own[i:i+1:i+1])
	}
	delete(md, "prefer-wait")
	if ex.Prefer.Waits || ex.Prefer.RespondAsync {
		md["prefer-wait"] = []string{strconv.FormatInt(int64(ex.Prefer.Wait/time.Second), 10)}
	}
	if ex.Binding != nil && ex.Binding.Method.Preconditions {
		add(md, "if-match", tags(req.Header["If-Match"]))
		add(md, "if-none-match", tags(req.Header["If-None-Match"]))
		if since := ex.Conditions.IfUnmodifiedSince; !since.IsZero() {
			// What is no date is to be ignored, and the form that all may send (RFC 9110
			// §5.6.7) is the one that a backend has to read.
			md["if-unmodified-since"] = []string{rfc9110.FormatDate(since)}
		}
	}
	return md
}

// tags are lines of entity-tags as a backend can read them: those of the resource,
// whatever way it was sent, in ASCII and on one line. A line that is dropped, here for
// an octet of another tag or by a library that knows the field and takes one value of
// it, as Node's does, would take a condition off a write. No tag of ours has such
// octets, nor a percent sign before anything but two hexadecimal digits; a tab is white
// space between tags.
func tags(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	var ascii strings.Builder
	for _, octet := range []byte(strings.Join(respond.PlainTags(lines), ", ")) {
		switch {
		case octet == '\t':
			ascii.WriteByte(' ')
		case octet > '~':
			ascii.WriteString("%_")
		default:
			ascii.WriteByte(octet)
		}
	}
	return []string{ascii.String()}
}

// add adds the values that metadata can hold: printable ASCII (gRPC's
// PROTOCOL-HTTP2, ASCII-Value). One that is not would fail the whole call. Where all of
// them can, they are shared.
func add(md metadata.MD, key string, values []string) {
	if _, there := md[key]; !there && len(values) > 0 && !slices.ContainsFunc(values, unfit) {
		md[key] = slices.Clip(values)
		return
	}
	for _, value := range values {
		if !unfit(value) {
			md[key] = append(md[key], value)
		}
	}
}

func unfit(value string) bool { return value == "" || !isPrintable(value) }

func isPrintable(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return true
}
