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

// Metadata returns the metadata for the backend: the headers that the allow-list permits, and the values
// that the gateway sets itself. It drops what a client sent under the gateway's own keys.
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
			// Ignore an invalid date, and convert a valid one to the form that backends must
			// understand (RFC 9110 §5.6.7).
			md["if-unmodified-since"] = []string{rfc9110.FormatDate(since)}
		}
	}
	return md
}

// tags joins lines of entity-tags into one line of ASCII, with plain tags in place of those of compressed
// representations. A backend must not lose a line, because a write would lose its condition: metadata
// drops a value that is not ASCII, and some libraries, such as Node's, keep only one value of the header.
// So tags replaces every other byte by "%_", which is in no tag of the gateway: there, two hexadecimal
// digits follow each percent sign. A tab is white space between tags.
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

// add adds the values that metadata can contain: printable ASCII (ASCII-Value of gRPC's PROTOCOL-HTTP2). An
// invalid value would fail the whole call. If all values are valid, md shares the slice.
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
