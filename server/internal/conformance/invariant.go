package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dunglas/httpsfv"

	"github.com/statusway/statusway/gateway/policy"
)

// Invariants are checks of every response of a server.
type Invariants struct {
	// Table is the policy that decides. Its rows are the statuses that there are.
	Table *policy.Table
	// PublicURL is what problem types begin with. Empty means that it is not known: a type may
	// be a URL, a path, or about:blank if the server has no pages.
	PublicURL string
	// Allowance says whether responses contain the client's allowance. Pages are paths
	// without a limit and without an allowance; their successes may be HTML. A path that
	// ends in a slash includes everything below it.
	Allowance Allowance
	Pages     []string
	// Also are other fields that responses may have, such as those of a proxy in front of
	// the gateway.
	Also []string
}

// Allowance says whether responses contain the client's allowance.
type Allowance int

// The zero value is for an unknown server.
const (
	// AllowanceUnknown: if a response contains an allowance, it is valid.
	AllowanceUnknown Allowance = iota
	// AllowanceTold: each response contains an allowance that counts the request itself.
	AllowanceTold
	// AllowanceNone: no response contains one.
	AllowanceNone
)

// vocabulary returns every header field that a response may have. Any other field has
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

// DocumentedRows is the documented table: the rows of the page, and 412.
func DocumentedRows() []int {
	return []int{200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 418, 429, 500, 503}
}

// Check checks a response.
func (i Invariants) Check(m *Message, got *Answer) error {
	c := holding{Invariants: i, m: m, got: got}
	c.vocabulary()
	c.always()
	c.content()
	c.belonging()
	if got.Status >= http.StatusBadRequest {
		c.failure()
	}
	return errors.Join(c.errs...)
}

type holding struct {
	Invariants

	m    *Message
	got  *Answer
	errs []error
}

func (c *holding) holdf(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("invariant: "+format, args...))
	}
}

func (c *holding) has(name string) bool { return len(c.got.Header[name]) > 0 }

func (c *holding) vocabulary() {
	for _, name := range slices.Sorted(maps.Keys(c.got.Header)) {
		values := c.got.Header[name]
		c.holdf(slices.Contains(vocabulary(), name) || slices.Contains(c.Also, name), "unexpected header field %s: %q", name, values)
		c.holdf(len(values) == 1 || slices.Contains(lists(), name), "%s comes %d times: %q", name, len(values), values)
		for _, value := range values {
			c.holdf(value != "" && value == strings.TrimSpace(value) && !strings.ContainsFunc(value, isControl), "%s is %q", name, value)
			c.holdf(utf8.ValidString(value), "%s is no UTF-8", name)
		}
	}
	if c.got.Transport == OverH2C {
		c.holdf(!c.has("Connection") && !c.has("Transfer-Encoding"), "HTTP/2 has no fields of the connection")
	}
	c.holdf(!c.has("Content-Length") || !c.has("Transfer-Encoding"), "the content has a length and a coding")
}

// isPage reports whether the request is for one of Pages.
func (c *holding) isPage() bool {
	path, _, _ := strings.Cut(c.m.Target, "?")
	return slices.ContainsFunc(c.Pages, func(page string) bool {
		return path == page || strings.HasSuffix(page, "/") && strings.HasPrefix(path, page)
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func (c *holding) always() {
	header := c.got.Header
	date, err := time.Parse(http.TimeFormat, header.Get("Date"))
	c.holdf(err == nil, "Date is %q", header.Get("Date"))
	c.holdf(header.Get("Cache-Control") != "", "Cache-Control is not explicit")
	c.holdf(header.Get("X-Content-Type-Options") == "nosniff", "nosniff is missing")
	c.holdf(header.Get("X-Request-Id") != "", "X-Request-Id is missing")
	if c.has("Last-Modified") {
		changed, err := time.Parse(http.TimeFormat, header.Get("Last-Modified"))
		c.holdf(err == nil && !changed.After(date), "Last-Modified %q is after Date %q", header.Get("Last-Modified"), header.Get("Date"))
	}
	c.allowance()
}

func (c *holding) allowance() {
	header := c.got.Header
	told := c.has(limitField) || c.has(remainingField) || c.has(resetField)
	if c.Allowance == AllowanceNone || c.isPage() {
		c.holdf(!told && !c.has("Ratelimit") && !c.has("Ratelimit-Policy"), "there is no limit, and yet fields that tell of one")
		return
	}
	c.holdf(isList(header["Ratelimit"], "r") && isList(header["Ratelimit-Policy"], "q"), "RateLimit and RateLimit-Policy are %q and %q",
		header["Ratelimit"], header["Ratelimit-Policy"])
	if c.Allowance == AllowanceTold {
		c.holdf(c.has("Ratelimit") && c.has("Ratelimit-Policy"), "RateLimit and RateLimit-Policy are missing")
	}
	if c.Allowance == AllowanceTold || told {
		c.holdf(c.makesSense(), "X-Rate-Limit-… are %q, %q, %q", header.Get(limitField), header.Get(remainingField), header.Get(resetField))
	}
}

const (
	limitField     = "X-Rate-Limit-Limit"
	remainingField = "X-Rate-Limit-Remaining"
	resetField     = "X-Rate-Limit-Reset"
)

// makesSense reports whether an allowance is valid. The server's own allowance also counts
// the request itself, and its period is not over.
func (c *holding) makesSense() bool {
	var numbers [3]int
	for i, name := range []string{limitField, remainingField, resetField} {
		var err error
		if numbers[i], err = strconv.Atoi(c.got.Header.Get(name)); err != nil || numbers[i] < 0 {
			return false
		}
	}
	limit, left, reset := numbers[0], numbers[1], numbers[2]
	if c.Allowance == AllowanceTold {
		return left < limit && reset > 0
	}
	return left <= limit
}

// isList reports whether a field is a list of Strings, each with a number that is not
// negative (draft-ietf-httpapi-ratelimit-headers-10 §3, §4).
func isList(lines []string, number string) bool {
	list, err := httpsfv.UnmarshalList(lines)
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			return false
		}
		_, named := item.Value.(string)
		value, _ := item.Params.Get(number)
		if count, ok := value.(int64); !ok || !named || count < 0 {
			return false
		}
	}
	return err == nil
}

func (c *holding) content() {
	status, body := c.got.Status, c.got.Body
	if !hasContent(status) {
		c.holdf(len(body) == 0 && !c.has("Content-Type") && !c.has("Content-Length") && !c.has("Transfer-Encoding"), "a %d has no content: %q", status, body)
		return
	}
	if c.got.Header.Get("Preference-Applied") == "return=minimal" {
		c.holdf(len(body) == 0 && !c.has("Content-Type") && c.got.Header.Get("Content-Length") == "0", "a minimal %d has content: %q", status, body)
		return
	}
	c.holdf(c.has("Content-Type"), "Content-Type is missing")
	if c.got.Raw {
		c.rawContent()
		return
	}
	c.typedContent()
}

// typedContent checks content that the gateway writes: JSON, a stream of messages, or a page.
func (c *holding) typedContent() {
	body, kind := c.got.Body, c.mediaType()
	isText := kind == "application/x-ndjson" || kind == "text/event-stream"
	isStream := isText || c.got.Array
	c.holdf(isStream || c.has("Content-Length"), "content of a known size has a Content-Length")
	if c.m.Method == http.MethodHead {
		c.holdf(len(body) == 0, "the response to HEAD has content: %q", body)
		return
	}
	if c.got.isPartial() {
		return
	}
	length := c.got.Header.Get("Content-Length")
	c.holdf(isStream || length == strconv.Itoa(c.got.Length), "Content-Length is %s of %d", length, c.got.Length)
	c.holdf(utf8.Valid(body), "the body is no UTF-8")
	c.holdf(!c.got.Array || bytes.HasPrefix(body, []byte("[")), "the body is no array: %q", body)
	c.holdf(isText || kind == htmlPage || json.Valid(body), "the body is no JSON: %q", body)
}

// rawContent checks the bytes of a google.api.HttpBody, which may be anything. Where they
// have a length, they have all of it, unless the server broke off.
func (c *holding) rawContent() {
	length := c.got.Header.Get("Content-Length")
	mayBeShorter := c.got.isPartial() || c.m.Method == http.MethodHead
	c.holdf(length == "" || mayBeShorter || length == strconv.Itoa(c.got.Length), "Content-Length is %s of %d", length, c.got.Length)
}

// htmlPage is the only type with a charset.
const htmlPage = "text/html; charset=utf-8"

// isRead reports whether the request is one that a browser sends to show the response.
func (c *holding) isRead() bool { return c.m.Method == http.MethodGet || c.m.Method == http.MethodHead }

// mediaType returns the expected type of the content: htmlPage only for a page, or for an
// error that a browser shows.
func (c *holding) mediaType() string {
	value := c.got.Header.Get("Content-Type")
	if value == htmlPage && (c.got.Status == http.StatusOK && c.isPage() || c.got.Status >= http.StatusBadRequest && c.isRead()) {
		return htmlPage
	}
	kind, parameters, err := mime.ParseMediaType(value)
	c.holdf(err == nil && len(parameters) == 0, "Content-Type is %q", value)
	return kind
}

// belonging holds the fields that belong to certain statuses to them.
func (c *holding) belonging() {
	status := c.got.Status
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
	if c.m.Method != http.MethodOptions {
		only("Allow", 405)
	}
	if c.Table.Name() == "documented" {
		c.holdf(slices.Contains(DocumentedRows(), status), "%d is no row of the documented table", status)
	}
	c.holdf(c.Table.Row(status) != nil, "%d is no row of the policy", status)
}

// kind checks that the type of a problem is the page of its row.
func (c *holding) kind(got ProblemBody) {
	page := "/statuses/" + strconv.Itoa(c.got.Status)
	kind, err := url.Parse(got.Type)
	leads := err == nil && strings.HasSuffix(got.Type, page) && (kind.IsAbs() || strings.HasPrefix(got.Type, "/") && kind.Host == "")
	c.holdf(leads || got.Type == "about:blank", "type is %q", got.Type)
	c.holdf(c.PublicURL == "" || got.Type == c.PublicURL+page, "type is %q, want one of %s", got.Type, c.PublicURL)
	c.holdf(got.Title == c.Table.Row(c.got.Status).GetTitle(), "the title is %q", got.Title)
}

// failure holds an error to the one shape.
func (c *holding) failure() {
	kind := c.got.Header.Get("Content-Type")
	types := []string{"application/problem+json", "application/json", "application/vnd.google.rpc.status+json", "application/vnd.google.rpc.error+json"}
	c.holdf(slices.Contains(types, kind) || kind == htmlPage && c.isRead(), "an error's Content-Type is %q", kind)
	if kind != types[0] || c.m.Method == http.MethodHead {
		return
	}
	var got ProblemBody
	if err := json.Unmarshal(c.got.Body, &got); err != nil {
		c.holdf(false, "the problem: %v", err)
		return
	}
	c.holdf(got.Status == c.got.Status, "the problem's status is %d, the response's %d", got.Status, c.got.Status)
	c.holdf(got.RequestID == c.got.Header.Get("X-Request-Id"), "requestId is %q and X-Request-Id %q", got.RequestID, c.got.Header.Get("X-Request-Id"))
	c.holdf(got.Code != "" && got.Detail != "", "code and detail are %q and %q", got.Code, got.Detail)
	details := TypesOf(got.Details)
	// A backend may state its own kind of problem. Of a server whose URL is known it is
	// known that none does.
	if c.PublicURL != "" || !slices.Contains(details, "statusway.v1.Problem") {
		c.kind(got)
	}
	if c.has("Retry-After") {
		wait := c.got.Header.Get("Retry-After")
		c.holdf(wait == strconv.Itoa(got.RetryAfter) && got.RetryAfter > 0, "Retry-After is %s and retryAfter %d", wait, got.RetryAfter)
	}
	c.holdf(len(slices.Compact(slices.Sorted(slices.Values(details)))) == len(details), "a type of detail comes twice (AIP-193): %q", details)
	for _, one := range got.Details {
		c.holdf(!strings.Contains(string(one), "google.rpc.DebugInfo"), "DebugInfo has left: %s", one)
	}
	for _, leak := range []string{"goroutine ", ".go:", "SQL logic", "sqlite", "/tmp/", "secret_table", "proto:", "runtime error"} {
		c.holdf(!strings.Contains(string(c.got.Body), leak), "the problem says %q: %s", leak, c.got.Body)
	}
}
