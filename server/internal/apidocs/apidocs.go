// Package apidocs serves an OpenAPI document: as JSON and YAML for programs, and as a
// page for people.
//
// The page is Swagger UI, whose files in swagger-ui are those of the npm package
// swagger-ui-dist 5.35.0, unchanged (SHA256SUMS), under the Apache License 2.0. It is
// the one of five that works under the Content-Security-Policy below, without
// unsafe-inline and unsafe-eval: Redoc 3.0, Scalar 1.76, RapiDoc 9.3 and Stoplight
// Elements 9.0 all put styles into the page as they run. It is also the oldest, is
// released every few weeks, reads OpenAPI 3.1, and sends requests from the page.
package apidocs

import (
	_ "embed"
	"net/http"
	"sync"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/respond"
)

// Inside is what the page has between the top and the bottom that all pages have: a
// template of [html/template] that defines "head" and "content". Swagger UI has the main
// and the h1.
//
//go:embed index.html
var Inside string

//go:embed page.css
var style []byte

//go:embed page.js
var script []byte

//go:embed swagger-ui/swagger-ui.css
var swaggerStyle []byte

//go:embed swagger-ui/swagger-ui-bundle.js
var swaggerScript []byte

// pagePolicy lets the page load its own files and ask its own server, and nothing else.
// Swagger UI's style has its icons as data.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Path is where the page is.
const Path = "/openapi"

// Explorer is the page and its files: all that is the same whatever the document. It is
// safe for concurrent use.
type Explorer struct{ page, style, script, swaggerStyle, swaggerScript *respond.File }

// NewExplorer returns the page, of which the HTML is given.
func NewExplorer(html []byte) *Explorer {
	const css, javaScript = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
	return &Explorer{
		page:          respond.NewFile("text/html; charset=utf-8", html),
		style:         respond.NewFile(css, style),
		script:        respond.NewFile(javaScript, script),
		swaggerStyle:  respond.NewFile(css, swaggerStyle),
		swaggerScript: respond.NewFile(javaScript, swaggerScript),
	}
}

// Pages are the document and the page that shows it, by their paths, as a gateway
// serves them.
func (e *Explorer) Pages(responder *respond.Responder, document *openapi.Document) map[string]exchange.Handler {
	serve := func(file *respond.File) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error { return responder.File(w, r, file) }
	}
	page := serve(e.page)
	// Once somebody asks: many a server starts of which nobody does.
	inYAML := sync.OnceValues(func() (*respond.File, error) {
		text, err := document.YAML()
		return respond.NewFile("application/yaml", text), err // RFC 9512 §2.1
	})
	return map[string]exchange.Handler{
		"/openapi.json": serve(respond.NewFile(respond.JSONType, document.JSON())),
		"/openapi.yaml": func(w http.ResponseWriter, r *http.Request) error {
			file, err := inYAML()
			if err != nil {
				return err
			}
			return responder.File(w, r, file)
		},
		Path: func(w http.ResponseWriter, r *http.Request) error {
			exchange.From(r.Context()).Fields.Set("Content-Security-Policy", pagePolicy)
			return page(w, r)
		},
		"/openapi/page.css":             serve(e.style),
		"/openapi/page.js":              serve(e.script),
		"/openapi/swagger-ui.css":       serve(e.swaggerStyle),
		"/openapi/swagger-ui-bundle.js": serve(e.swaggerScript),
	}
}
