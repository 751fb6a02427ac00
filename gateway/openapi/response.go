package openapi

import (
	"slices"
	"strconv"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const (
	statusOK          = 200
	statusCreated     = 201
	statusAccepted    = 202
	statusNoContent   = 204
	statusNotModified = 304
)

// responses returns all responses of a route, by status.
func (b *builder) responses(binding *contract.Binding) *ordered[*response] {
	all := map[int]*response{}
	for _, status := range b.successes(binding) {
		all[status] = b.successResponse(binding, status)
	}
	for status := range b.failures(binding) {
		all[status] = b.failureResponse(binding, status)
	}
	out := &ordered[*response]{}
	for _, row := range b.Table.Rows() {
		if found := all[int(row.GetStatus())]; found != nil {
			out.set(strconv.Itoa(int(row.GetStatus())), found)
		}
	}
	return out
}

// successes returns the statuses below 400 of a route. The policy decides, as for a real response, because
// it may replace a declared status that is not in its catalogue.
func (b *builder) successes(binding *contract.Binding) []int {
	method := binding.Method
	var all []int
	decide := func(in policy.Input) {
		if status := b.Table.Decide(in).Status(); !slices.Contains(all, status) {
			all = append(all, status)
		}
	}
	for _, status := range method.Success {
		decide(policy.Input{Declared: method.Success, Chosen: status})
	}
	if method.HonoursReturn && slices.Contains(method.Success, statusOK) && b.Table.Row(statusNoContent) != nil {
		decide(policy.Input{Declared: []int32{statusNoContent}})
	}
	if b.isConditionalRead(binding) {
		decide(policy.Input{Declared: method.Success, NotModified: true})
	}
	return all
}

// isConditionalRead reports whether the gateway evaluates the request's conditions for the response of the
// backend.
func (b *builder) isConditionalRead(binding *contract.Binding) bool {
	return binding.Conditions == contract.ConditionsCompared && !binding.Method.ServerStreams
}

func (b *builder) successResponse(binding *contract.Binding, status int) *response {
	method := binding.Method
	r := &response{Description: describe(b.Table.Row(status)), Headers: &ordered[*header]{}}
	single := !method.ServerStreams
	created := status == statusCreated
	cacheControl := noStore
	if single {
		cacheControl = method.CacheControl
	}
	b.headers(r, "X-Request-Id")
	r.Headers.set("Cache-Control", fixed(cacheControl))
	for _, one := range []struct {
		sent   bool
		header string
	}{
		{true, "Vary"},
		{single && method.ETag != nil, "ETag"},
		{single && method.LastModified != nil, "Last-Modified"},
		{method.Location != nil && (created || status == statusAccepted), "Location"},
		{created && (method.ETag != nil || method.HonoursReturn), "Content-Location"},
		{method.HonoursReturn || method.HonoursWait, "Preference-Applied"},
		{b.honoursKey(method), "Idempotency-Replayed"},
		{!method.Lifecycle.Deprecated.IsZero(), "Deprecation"},
		{!method.Lifecycle.Sunset.IsZero(), "Sunset"},
		{method.Lifecycle.Successor != "", "Link"},
	} {
		if one.sent {
			b.headers(r, one.header)
		}
	}
	b.limits(r)
	if status != statusNoContent && status != statusNotModified {
		r.Content = b.success(binding)
	}
	if created && method.HonoursReturn {
		r.Description += " With `Prefer: return=minimal` it has no body."
	}
	return r
}

// headers adds components.
func (b *builder) headers(r *response, names ...string) {
	for _, name := range names {
		r.Headers.set(name, &header{Ref: "#/components/headers/" + name})
	}
}

func (b *builder) limits(r *response) {
	b.headers(r, "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "RateLimit-Policy", "RateLimit",
		"X-Concurrency-Limit-Limit", "X-Concurrency-Limit-Remaining")
}

// noStore is the Cache-Control of responses that must not be stored.
const noStore = "no-store"

// fixed returns a required header with a constant value, for Cache-Control.
func fixed(cacheControl string) *header {
	return &header{
		Description: "How long it may be cached (RFC 9111 §5.2).", Required: true,
		Schema: &schema{Type: typeString, Const: cacheControl},
	}
}

func describe(row *statuswayv1.Row) string {
	if row.GetDescription() == "" {
		return row.GetTitle() + "."
	}
	return row.GetTitle() + ". " + row.GetDescription()
}

// components adds the parts that operations refer to.
func (b *builder) components() {
	b.root.Components = components{
		Responses:       &ordered[*response]{},
		Parameters:      headerParameters(),
		Examples:        &ordered[*example]{},
		Headers:         headers(),
		SecuritySchemes: &ordered[*securityScheme]{},
	}
	b.root.Components.SecuritySchemes.set(bearer, &securityScheme{
		Type: "http", Scheme: "bearer", Description: "A token in `Authorization: Bearer` (RFC 6750).",
	})
	b.errorSchemas()
}

// DescribeField returns the description of a response header, or "" if documents do not contain the header.
// name is spelled as in the document.
func DescribeField(name string) string {
	if one, ok := headers().get(name); ok {
		return one.Description
	}
	return ""
}

// headers returns all response headers.
func headers() *ordered[*header] {
	all := &ordered[*header]{}
	add := func(name, description string, of *schema) {
		all.set(name, &header{Description: description, Schema: of})
	}
	always := func(name, description string, of *schema) {
		all.set(name, &header{Description: description, Required: true, Schema: of})
	}
	const httpDate = "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$"
	text, count, date := &schema{Type: typeString}, &schema{Type: typeInteger, Minimum: "0"}, &schema{Type: typeString, Pattern: httpDate}
	reference := &schema{Type: typeString, Format: "uri-reference"}
	always("X-Request-Id", "The id of the request, also in the server's log. A client may set it with the same header field of its request.",
		&schema{Type: typeString, Pattern: "^[A-Za-z0-9._-]{1,128}$"})
	add("Vary", "The request header fields on which the response depends (RFC 9110 §12.5.5).", text)
	add("ETag", "The version of the resource, for If-None-Match and If-Match (RFC 9110 §8.8.3).", &schema{Type: typeString, Pattern: `^"[!#-~]*"$`})
	add("Last-Modified", "When it was last changed (RFC 9110 §8.8.2).", date)
	always("Location", "The URL of the new resource, or of the operation (RFC 9110 §10.2.2).", reference)
	add("Content-Location", "The URL at which GET returns this body (RFC 9110 §8.7).", reference)
	add("Preference-Applied", "The preferences that were applied (RFC 7240 §3).", text)
	add("Idempotency-Replayed", "Present if this is the stored response to an earlier request with the same key.", &schema{Type: typeString, Const: "true"})
	add("Deprecation", "When it was or will be deprecated, in seconds since 1970 (RFC 9745 §2).", &schema{Type: typeString, Pattern: "^@-?[0-9]+$"})
	add("Sunset", "When it ends (RFC 8594 §3).", date)
	add("Link", "More about it, such as its successor-version or help (RFC 8288).", text)
	always("Allow", "The methods that the resource supports (RFC 9110 §10.2.1).", text)
	always("WWW-Authenticate", "How to authenticate (RFC 9110 §11.6.1, RFC 6750 §3).", &schema{Type: typeString, Pattern: "^Bearer "})
	add("Retry-After", "In how many seconds to retry (RFC 9110 §10.2.3).", &schema{Type: typeInteger, Minimum: "1"})
	add("Content-Language", "The language of the message, chosen by Accept-Language (RFC 9110 §8.5).", text)
	add("Accept", "The media types that the resource accepts (RFC 9110 §15.5.16).", text)
	add("Accept-Patch", "The media types that PATCH accepts (RFC 5789 §3.1).", text)
	add("Accept-Encoding", "The content codings that the server accepts (RFC 9110 §12.5.3).", text)
	add("X-Rate-Limit-Limit", "How many requests the limit with the fewest left allows in its period, if there is a limit.", count)
	add("X-Rate-Limit-Remaining", "How many of them are left.", count)
	add("X-Rate-Limit-Reset", "In how many seconds all of them are available again.", count)
	add("RateLimit-Policy", "Every limit: q requests in w seconds (draft-ietf-httpapi-ratelimit-headers-10 §3).", text)
	add("RateLimit", "The state of every limit: r requests are left, and all are available again in t seconds (§4).", text)
	add("X-Concurrency-Limit-Limit", "How many requests the caller may run at once, if that is limited.", count)
	add("X-Concurrency-Limit-Remaining", "How many more the caller may start now.", count)
	return all
}
