package respond

import (
	"cmp"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// appendPage appends a failure as a page for people. It loads nothing, because the
// Content-Security-Policy of every response forbids that.
func (d *decided) appendPage(dst []byte) []byte {
	stated, info, omitted := d.parts.problem, d.parts.info, &d.parts.omitted
	title := cmp.Or(omitted.shorten(stated.GetTitle(), MaxTextBytes), d.decision.Row.GetTitle())
	p := page{out: dst}
	p.write("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	heading := strconv.Itoa(d.decision.Status()) + " " + title
	p.element("title", heading)
	p.write("</head>\n<body>\n")
	p.element("h1", heading)
	if detail := d.detail(); detail != "" {
		p.element("p", detail)
	}
	if reason := omitted.whole(info.GetReason()); reason != "" {
		p.element("p", "Reason: "+reason)
	}
	if d.request.RequestID != "" {
		p.element("p", "Request: "+d.request.RequestID)
	}
	if uri := cmp.Or(omitted.whole(stated.GetType()), d.typeURI); isLink(uri) {
		p.write("<p><a href=\"", html.EscapeString(uri), "\">What this error means</a></p>\n")
	}
	p.write("</body>\n</html>\n")
	return p.out
}

// isLink reports whether a browser may follow a problem's type: about:blank leads nowhere, and a
// backend may name any scheme.
func isLink(uri string) bool {
	parsed, err := url.Parse(uri)
	return err == nil && (parsed.Scheme == "https" || parsed.Scheme == "http" || parsed.Scheme == "" && strings.HasPrefix(uri, "/"))
}

// page builds HTML.
type page struct{ out []byte }

func (p *page) write(parts ...string) {
	for _, part := range parts {
		p.out = append(p.out, part...)
	}
}

// element writes an element with a text, of which nothing is read as HTML.
func (p *page) element(name, text string) {
	p.write("<", name, ">", html.EscapeString(strings.ToValidUTF8(text, "\uFFFD")), "</", name, ">\n")
}
