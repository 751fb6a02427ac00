package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// vocabulary is every header field that an answer may have. What is not here has
// leaked from somewhere.
func vocabulary() []string {
	return []string{
		"Accept", "Accept-Encoding", "Accept-Patch", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
		"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Allow", "Cache-Control",
		"Connection", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location",
		"Content-Security-Policy", "Content-Type", "Date", "Deprecation", "Etag", "Idempotency-Replayed", "Last-Modified",
		"Link", "Location", "Preference-Applied", "Ratelimit", "Ratelimit-Policy", "Retry-After", "Strict-Transport-Security", "Sunset",
		"Transfer-Encoding", "Vary", "Www-Authenticate", "X-Concurrency-Limit-Limit", "X-Concurrency-Limit-Remaining",
		"X-Content-Type-Options", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "X-Request-Id",
	}
}

// lists are the fields that may come in several lines.
func lists() []string { return []string{"Link", "Vary"} }

// documentedRows is the documented table: the rows of the page, and 412.
func documentedRows() []int {
	return []int{200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 418, 429, 500, 503}
}

// isPage says whether a request is for a page of the server's own, which no limit
// and no negotiation stands before.
func (m *message) isPage() bool {
	path, _, _ := strings.Cut(m.target, "?")
	return path == "/healthz" || path == "/readyz" || path == "/statuses" || strings.HasPrefix(path, "/statuses/")
}

// checkInvariants holds an answer to what is true of every answer, whatever it is.
func (s *server) checkInvariants(m *message, got *answer) error {
	c := invariants{server: s, m: m, got: got}
	c.vocabulary()
	c.always()
	c.content()
	c.belonging()
	if got.status >= http.StatusBadRequest {
		c.failure()
	}
	return errors.Join(c.errs...)
}

type invariants struct {
	server *server
	m      *message
	got    *answer
	errs   []error
}

func (c *invariants) holdf(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("invariant: "+format, args...))
	}
}

func (c *invariants) has(name string) bool { return len(c.got.header[name]) > 0 }

func (c *invariants) vocabulary() {
	for name, values := range c.got.header {
		c.holdf(slices.Contains(vocabulary(), name), "no answer has the field %s: %q", name, values)
		c.holdf(len(values) == 1 || slices.Contains(lists(), name), "%s comes %d times: %q", name, len(values), values)
		for _, value := range values {
			c.holdf(value != "" && value == strings.TrimSpace(value) && !strings.ContainsFunc(value, isControl), "%s is %q", name, value)
			c.holdf(utf8.ValidString(value), "%s is no UTF-8", name)
		}
	}
	if c.got.transport == overH2C {
		c.holdf(!c.has("Connection") && !c.has("Transfer-Encoding"), "HTTP/2 has no fields of the connection")
	}
	c.holdf(!c.has("Content-Length") || !c.has("Transfer-Encoding"), "the content has a length and a coding")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func (c *invariants) always() {
	header := c.got.header
	date, err := time.Parse(http.TimeFormat, header.Get("Date"))
	c.holdf(err == nil, "Date is %q", header.Get("Date"))
	c.holdf(header.Get("Cache-Control") != "", "Cache-Control is not explicit")
	c.holdf(header.Get("X-Content-Type-Options") == "nosniff", "nosniff is missing")
	c.holdf(header.Get("X-Request-Id") != "", "X-Request-Id is missing")
	if c.has("Last-Modified") {
		changed, err := time.Parse(http.TimeFormat, header.Get("Last-Modified"))
		c.holdf(err == nil && !changed.After(date), "Last-Modified %q is after Date %q", header.Get("Last-Modified"), header.Get("Date"))
	}
	if c.server.params.Config.RateLimit == "off" || c.m.isPage() {
		c.holdf(!c.has("X-Rate-Limit-Limit") && !c.has("Ratelimit") && !c.has("Ratelimit-Policy"), "there is no limit, and yet fields that tell of one")
		return
	}
	limit, noLimit := strconv.Atoi(header.Get("X-Rate-Limit-Limit"))
	left, noRemaining := strconv.Atoi(header.Get("X-Rate-Limit-Remaining"))
	reset, noReset := strconv.Atoi(header.Get("X-Rate-Limit-Reset"))
	c.holdf(noLimit == nil && noRemaining == nil && noReset == nil && left >= 0 && left < limit && reset > 0,
		"X-Rate-Limit-… are %q, %q, %q", header.Get("X-Rate-Limit-Limit"), header.Get("X-Rate-Limit-Remaining"), header.Get("X-Rate-Limit-Reset"))
	c.holdf(c.has("Ratelimit") && c.has("Ratelimit-Policy"), "RateLimit and RateLimit-Policy are missing")
}

func (c *invariants) content() {
	status, body := c.got.status, c.got.body
	if !hasContent(status) {
		c.holdf(len(body) == 0 && !c.has("Content-Type") && !c.has("Content-Length") && !c.has("Transfer-Encoding"), "a %d has no content: %q", status, body)
		return
	}
	if c.got.header.Get("Preference-Applied") == "return=minimal" {
		c.holdf(len(body) == 0 && !c.has("Content-Type") && c.got.header.Get("Content-Length") == "0", "a minimal %d has content: %q", status, body)
		return
	}
	c.holdf(c.has("Content-Type"), "Content-Type is missing")
	kind, parameters, err := mime.ParseMediaType(c.got.header.Get("Content-Type"))
	c.holdf(err == nil && len(parameters) == 0, "Content-Type is %q", c.got.header.Get("Content-Type"))
	isStream := kind == "application/x-ndjson" || kind == "text/event-stream"
	c.holdf(isStream || c.has("Content-Length"), "content of a known size has a Content-Length")
	if c.m.method == http.MethodHead {
		c.holdf(len(body) == 0, "HEAD is answered with content: %q", body)
		return
	}
	length := c.got.header.Get("Content-Length")
	c.holdf(isStream || length == strconv.Itoa(c.got.length), "Content-Length is %s of %d", length, c.got.length)
	c.holdf(utf8.Valid(body), "the body is no UTF-8")
	c.holdf(isStream || json.Valid(body), "the body is no JSON: %q", body)
}

// belonging holds the fields that belong to certain statuses to them.
func (c *invariants) belonging() {
	status := c.got.status
	only := func(name string, statuses ...int) {
		c.holdf(!c.has(name) || slices.Contains(statuses, status), "%s on a %d", name, status)
	}
	needs := func(of int, name string) {
		c.holdf(status != of || c.has(name), "a %d without %s", of, name)
	}
	only("Location", 201, 202)
	only("Content-Location", 200, 201, 304)
	only("Etag", 200, 201, 204, 304)
	only("Last-Modified", 200, 201, 204)
	only("Www-Authenticate", 401)
	only("Retry-After", 409, 429, 503, 504)
	only("Accept-Encoding", 415)
	only("Accept-Patch", 415)
	only("Accept", 415)
	needs(201, "Location")
	needs(202, "Location")
	needs(401, "Www-Authenticate")
	needs(405, "Allow")
	needs(429, "Retry-After")
	needs(503, "Retry-After")
	if c.m.method != http.MethodOptions {
		only("Allow", 405)
	}
	if c.server.params.Table.Name() == "documented" {
		c.holdf(slices.Contains(documentedRows(), status), "%d is no row of the documented table", status)
	}
	c.holdf(c.server.params.Table.Row(status) != nil, "%d is no row of the policy", status)
}

// failure holds an error to the one shape.
func (c *invariants) failure() {
	kind := c.got.header.Get("Content-Type")
	types := []string{"application/problem+json", "application/json", "application/vnd.google.rpc.status+json", "application/vnd.google.rpc.error+json"}
	c.holdf(slices.Contains(types, kind), "an error's Content-Type is %q", kind)
	if kind != types[0] || c.m.method == http.MethodHead {
		return
	}
	var got problemBody
	if err := json.Unmarshal(c.got.body, &got); err != nil {
		c.holdf(false, "the problem: %v", err)
		return
	}
	c.holdf(got.Status == c.got.status, "the problem's status is %d and the answer's %d", got.Status, c.got.status)
	c.holdf(got.RequestID == c.got.header.Get("X-Request-Id"), "requestId is %q and X-Request-Id %q", got.RequestID, c.got.header.Get("X-Request-Id"))
	c.holdf(got.Title == c.server.params.Table.Row(c.got.status).GetTitle() && got.Code != "", "title and code are %q and %q", got.Title, got.Code)
	c.holdf(got.Detail != "", "a problem without a detail")
	kindOf, err := url.Parse(got.Type)
	c.holdf(err == nil && kindOf.IsAbs() && got.Type == publicURL+"/statuses/"+strconv.Itoa(c.got.status), "type is %q", got.Type)
	if c.has("Retry-After") {
		wait := c.got.header.Get("Retry-After")
		c.holdf(wait == strconv.Itoa(got.RetryAfter) && got.RetryAfter > 0, "Retry-After is %s and retryAfter %d", wait, got.RetryAfter)
	}
	details := typesOf(got.Details)
	c.holdf(len(slices.Compact(slices.Sorted(slices.Values(details)))) == len(details), "a type of detail comes twice (AIP-193): %q", details)
	for _, one := range got.Details {
		c.holdf(!strings.Contains(string(one), "google.rpc.DebugInfo"), "DebugInfo has left: %s", one)
	}
	for _, leak := range []string{"goroutine ", ".go:", "SQL logic", "sqlite", "/tmp/", "secret_table", "proto:", "runtime error"} {
		c.holdf(!strings.Contains(string(c.got.body), leak), "the problem says %q: %s", leak, c.got.body)
	}
}
