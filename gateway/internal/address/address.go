// Package address knows where clients find the API and the pages of the HTTP statuses.
package address

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Addresses are the URLs of one gateway.
type Addresses struct {
	// Origin is the scheme and the authority under which clients reach the API; Path is the path there,
	// without a slash at the end. Both are empty without a public URL.
	Origin, Path string

	pages   string // the URL below which another server has the pages
	noPages bool
}

// Parse reads the public URL of the API, and the URL below which another server has the pages of the
// statuses. Both may be empty. noPages means that no server has these pages.
func Parse(public, pages string, noPages bool) (Addresses, error) {
	origin, path, err := Split(public)
	if err != nil {
		return Addresses{}, fmt.Errorf("the public URL: %w", err)
	}
	if _, _, err := Split(pages); err != nil {
		return Addresses{}, fmt.Errorf("the URL of the pages: %w", err)
	}
	return Addresses{Origin: origin, Path: path, pages: strings.TrimRight(pages, "/"), noPages: noPages}, nil
}

// Split splits a URL into its origin and its path, without a slash at the end. Both are empty if text
// is empty.
func Split(text string) (origin, path string, err error) {
	if text == "" {
		return "", "", nil
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" || !isPort(parsed.Port()) || parsed.Scheme != "http" && parsed.Scheme != "https" ||
		parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return "", "", fmt.Errorf("%q is not of the form https://example.com or https://example.com/api", text)
	}
	return parsed.Scheme + "://" + parsed.Host, strings.TrimRight(parsed.EscapedPath(), "/"), nil
}

// isPort reports whether text is a port, or empty for the scheme's own.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil || text == ""
}

// StatusPage returns the path of the page that describes an HTTP status.
func StatusPage(status int) string { return "/statuses/" + strconv.Itoa(status) }

// ProblemType returns the type of a problem with an HTTP status. prefix is the path prefix of the API in
// this request.
func (a Addresses) ProblemType(status int, prefix string) string {
	switch {
	case a.noPages:
		return "about:blank" // RFC 9457 §4.2.1
	case a.pages != "":
		return a.pages + StatusPage(status)
	default:
		return a.Origin + prefix + StatusPage(status)
	}
}
